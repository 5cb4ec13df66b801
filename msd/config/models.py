"""Pretrained models: their files, and whether a study can use them as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from msd.config.contracts.data import Licence, Source
from msd.config.contracts.training import Adapted, Architecture, Channels, ConvertParams, MaxTokens, Pool, Reading
from msd.config.sections import SIZES, TrainingConfig
from msd.config.strict import Count, Fraction, Side, Strict, distinct
from msd.errors import UserError

if TYPE_CHECKING:
    from msd.config.study import Study

Role = Literal["teacher", "student"]
WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt")
TOKENS = ("tokenizer.json", "vocab.txt")


class ModelConfig(Strict):
    """config/models/<name>.yaml: pretrained weights that a teacher or student starts from."""

    name: str = Field(description="the file's name without .yaml")
    title: str = Field(description="name in the report")
    architecture: Literal["visualbert", "vilt", "clip"] = Field(
        description="VisualBERT, which also takes the weights of a BERT; or a model of transformers that reads pixels, "
        "which can be a teacher"
    )
    sources: list[Source] = Field(
        min_length=2,
        description="files to fetch: one of weights, vocab.txt or tokenizer.json, and config.json of one that reads "
        "pixels; those of kind manual lie at `<data_root>/<model>/<file>`",
    )
    licence: Licence = Field(description="terms of use")
    citation: str = Field(description="whom to cite")
    positions: MaxTokens = Field(512, description="word pieces that it reads; longer texts are cut")
    layers: Count | None = Field(None, description="of VisualBERT: number of layers")
    width: Count | None = Field(None, description="of VisualBERT: width of a token")
    heads: Count | None = Field(None, description="of VisualBERT: attention heads of a layer")
    feed_forward: Count | None = Field(None, description="of VisualBERT: width of a layer's feed-forward part")
    dropout: Fraction = Field(0.1, description="of VisualBERT: share of activations that dropout removes")
    pool: Pool = Field(
        "modality-means",
        description="of VisualBERT: what the head reads, see `teacher.pool` of a study",
    )
    visual_type: Literal[0, 1] = Field(1, description="of VisualBERT: token type of a region; MMF's is 0")
    head: Literal["linear", "transform"] = Field(
        "linear", description="of VisualBERT: a linear layer, or MMF's, with a layer of BERT's word prediction below it"
    )
    region_width: Count | None = Field(
        None,
        description="of VisualBERT: channels of the regions that its weights read, which then are not standardised; "
        "if null, its projection of regions is new",
    )
    labels: Count | None = Field(
        None,
        description="of VisualBERT: labels of its weights' head, in the dataset's order; if null, a new one",
    )
    size: Side | None = Field(None, description="of pixels: pixels of a picture's side")
    mean: Channels | None = Field(None, description="of pixels: mean of each channel, of values from 0 to 1")
    std: Channels | None = Field(None, description="of pixels: standard deviation of each channel")

    @field_validator("sources")
    @classmethod
    def _are_files_of_a_model(cls, sources: list[Source]) -> list[Source]:
        names = distinct([source.name for source in sources])
        if sum(name.endswith(WEIGHTS) for name in names) != 1:
            raise ValueError(f"give one file of weights, whose name ends with one of {', '.join(WEIGHTS)}")
        if not set(TOKENS) & {*names}:
            raise ValueError(f"give the file of its word pieces: {' or '.join(TOKENS)}")
        return sources

    @model_validator(mode="after")
    def _has_the_keys_of_its_kind(self) -> ModelConfig:
        needed = {"visualbert": SIZES}.get(self.architecture, ("size", "mean", "std"))
        of_others = {*SIZES, "region_width", "labels", "size", "mean", "std"} - {*needed}
        allowed = {"region_width", "labels"} if self.architecture == "visualbert" else set[str]()
        for key in sorted(needed):
            if getattr(self, key) is None:
                raise ValueError(f"a model of architecture {self.architecture} needs the key {key!r}")
        for key in sorted(of_others - allowed):
            if getattr(self, key) is not None:
                raise ValueError(f"a model of architecture {self.architecture} has no key {key!r}")
        if self.reads_pixels and "config.json" not in [source.name for source in self.sources]:
            raise ValueError("give its config.json among the sources")
        return self

    @property
    def reads_pixels(self) -> bool:
        """Whether it reads pictures themselves, not regions."""
        return self.architecture in get_args(Adapted.model_fields["adapter"].annotation)

    @property
    def convert_params(self) -> ConvertParams:
        """What its `convert` job is given."""
        return ConvertParams(
            name=self.name,
            architecture=self.architecture,
            weights=next(source.name for source in self.sources if source.name.endswith(WEIGHTS)),
            shape=None if self.reads_pixels else self._shape(self.positions, {}),
            region_width=self.region_width,
            labels=self.labels,
        )

    def built(self, training: TrainingConfig, *, positions: int) -> Architecture | Adapted:
        """The model of a role: its own sizes, and what the study changes."""
        if self.reads_pixels:
            assert self.mean is not None, "of one that reads pixels"
            assert self.std is not None, "of one that reads pixels"
            kind: Any = self.architecture
            return Adapted(adapter=kind, mean=self.mean, std=self.std, positions=positions)
        return self._shape(positions, training.own_shape)

    def _shape(self, positions: int, changes: dict[str, Any]) -> Architecture:
        keys = {*Architecture.model_fields} - {"positions"}
        own = {key: getattr(self, key) for key in keys}
        return Architecture(**{**own, **changes}, positions=positions)


def built_of(study: Study, role: Role, dataset: str) -> Architecture | Adapted:
    """The architecture of a dataset's teacher or students."""
    training, model = study.training(role, dataset), study.model_of(role, dataset)
    positions = read_by(study, role, dataset).max_tokens
    if model is None:
        return Architecture(**training.own_shape, positions=positions)
    return model.built(training, positions=positions)


def read_by(study: Study, role: Role | None, dataset: str) -> Reading:
    """How a dataset's teacher or students read it, or what starts from the text encoder."""
    model, data = None if role is None else study.model_of(role, dataset), study.data
    if model is None:
        return Reading(regions=data.regions, max_tokens=data.max_tokens)
    pixels = model.size if model.reads_pixels else None
    return Reading(regions=data.regions, max_tokens=min(data.max_tokens, model.positions), pixels=pixels)


def check_models(study: Study) -> None:
    """Raise UserError where a model cannot be what the study makes it."""
    for dataset in study.datasets:
        for role in ("teacher", "student"):
            model = study.model_of(role, dataset)
            if study.training(role, dataset).epochs == 0 and (model is None or model.labels is None):
                raise UserError(
                    f"{role} of {dataset}: `epochs: 0` takes a fine-tuned model as it is, but its own brings no head; "
                    "give epochs, or a model whose file has `labels`"
                )
            if model is not None:
                _check(study, role, dataset, model)


def _check(study: Study, role: Role, dataset: str, model: ModelConfig) -> None:
    training, place = study.training(role, dataset), f"{role} of {dataset}"
    if model.reads_pixels:
        live = [name for name in study.methods_of(dataset) if study.method_configs[name].teacher == "model"]
        if role == "student":
            raise UserError(f"{place}: {model.name} reads pixels, and can be a teacher alone")
        if training.own_shape:
            raise UserError(f"{place}: {model.name} has sizes of its own; leave out {next(iter(training.own_shape))!r}")
        if study.data.removal != "mask":
            raise UserError(f"{place}: {model.name} reads pixels; views that lack a modality need `removal: mask`")
        if live:
            raise UserError(f"{place}: {live[0]} runs the teacher on what the student reads, {model.name} reads pixels")
        return
    assert model.layers is not None, "of VisualBERT"
    if training.layers is not None and training.layers > model.layers:
        raise UserError(f"{place}: {training.layers} layers; {model.name} has {model.layers}")
    if role == "student" and training.words != "scratch":
        raise UserError(f"{place}: its words are those of {model.name}; leave out `words`")
    image = study.extractor(dataset)
    if model.region_width not in (None, image.dims):
        raise UserError(
            f"{place}: {model.name} reads regions of {model.region_width} channels, {image.name} gives "
            f"{image.dims}; take another extractor, or a copy of the model's file with `region_width: null`, which "
            "learns a projection of its own"
        )
