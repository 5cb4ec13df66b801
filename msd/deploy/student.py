"""A trained student with all that it needs to answer for a picture and a text: of a run, or exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from msd.config.contracts.data import DatasetTask
from msd.config.strict import Count, Strict
from msd.config.yaml_file import sentence
from msd.data.tokenizer import read_tokenizer
from msd.distill.losses import Task
from msd.distill.saliency import modality_saliency
from msd.errors import UserError, decoding
from msd.features.reading import PictureReading
from msd.models.split import RegionWindows
from msd.models.views import VIEWS, Inputs, Removal, View

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Logits = dict[View, Tensor]
AGAIN = "export the student again"
NO_RUN = "no run of students (models.safetensors); name a folder like results/demo/students/easy-vqa/kd/…/seeds-…"


class Preprocessing(Strict):
    """How a picture and a text become what a student reads.

    Attributes:
        picture: how it becomes a square of pixels.   regions: a side, of averages of neighbours.
        max_tokens: word pieces that a text is cut to.   removal: how a view lacks a modality.
        extractor: name of the encoder of pictures.   weights_sha256: of its weights.
    """

    picture: PictureReading
    regions: Count
    max_tokens: Count
    removal: Removal
    extractor: str
    weights_sha256: str


class Description(Preprocessing):
    """preprocessor_config.json of an export: how its student is asked, its name and what its labels are."""

    name: str
    dataset_task: DatasetTask


@dataclass(frozen=True)
class Answer:
    """What a student says of one picture and text.

    Attributes:
        labels: all of them with their probabilities, the most probable first; for several labels each has its own.
        views: view -> the same for image and text, image alone, text alone.
        saliency: modality -> nats by which the answer changes without it.
    """

    labels: list[tuple[str, float]]
    views: dict[View, list[tuple[str, float]]]
    saliency: dict[str, float]


@dataclass(frozen=True)
class Student:
    """A student to ask.

    Attributes:
        name: of it, for people.   labels: in the order of its logits.   task: of its labels.
        logits: inputs -> view -> (B, C).   extract: pictures (B, size, size, 3) -> features (B, rows, columns, D).
    """

    name: str
    labels: list[str]
    task: Task
    preprocessing: Preprocessing
    tokenizer: Tokenizer
    logits: Callable[[Inputs], Logits]
    extract: Callable[[np.ndarray], np.ndarray]

    def inputs(self, pictures: Sequence[Image.Image], texts: Sequence[str]) -> Inputs:
        """What the model reads of pictures and texts, B of each; features are rounded to float16 as in a study."""
        squares = [self.preprocessing.picture.square(picture) for picture in pictures]
        grids = torch.from_numpy(self.extract(np.stack([np.asarray(each) for each in squares]))).half().float()
        regions = grids.flatten(1, 2)
        window = grids.shape[1] - self.preprocessing.regions + 1
        encodings = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        lengths = torch.tensor([len(ids) for ids in encodings])
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in encodings], batch_first=True)
        mask = (torch.arange(tokens.shape[1])[None] < lengths[:, None]).float()
        return Inputs(tokens, mask, RegionWindows(regions, window)[torch.arange(len(regions))])

    def answers(self, pictures: Sequence[Image.Image], texts: Sequence[str]) -> list[Answer]:
        """An answer for each picture and its text."""
        logits = self.logits(self.inputs(pictures, texts))
        probabilities = {
            view: values.softmax(1) if self.task == "multiclass" else values.sigmoid()
            for view, values in logits.items()
        }
        saliency = modality_saliency({str(view): values for view, values in logits.items()}, task=self.task)
        answers = []
        for row in range(len(texts)):
            views = {view: self._ranked(probabilities[view][row]) for view in VIEWS}
            answers.append(
                Answer(views["both"], views, {name: float(values[row]) for name, values in saliency.items()})
            )
        return answers

    def _ranked(self, probabilities: Tensor) -> list[tuple[str, float]]:
        order = probabilities.argsort(descending=True, stable=True).tolist()
        return [(self.labels[place], float(probabilities[place])) for place in order]


def open_student(place: str | Path, *, seed: int | None = None) -> Student:
    """A student of a folder: one that `msd export` made, or a run of results/<study>/students.

    seed: of a run, the one of the best validation score if None. Raises UserError for a folder that is neither.
    """
    from msd.deploy.bundle import open_bundle
    from msd.deploy.run import is_run, open_run

    folder = Path(place)
    if (folder / "model.onnx").is_file():
        if seed is not None:
            raise UserError(f"{folder} holds one student; leave out --seed")
        return open_bundle(folder)
    if not is_run(folder):
        raise UserError(f"{folder} holds no exported student (model.onnx) and {NO_RUN}")
    return open_run(folder, seed=seed).student()


def read_description(folder: Path) -> Description:
    """What an export says of its student; UserError where it is damaged, or of an earlier version."""
    path = folder / "preprocessor_config.json"
    content = _read(path)
    try:
        return Description.model_validate_json(json.dumps(content))  # whose lists may be tuples
    except ValidationError as error:
        raise UserError(f"{sentence(Description, error, path)}; {AGAIN}") from error


def read_labels(path: Path) -> list[str]:
    """The labels of labels.json, in the order of the logits."""
    labels = _read(path)
    if not isinstance(labels, list):
        raise UserError(f"{path} is no list of labels; {AGAIN}")
    return [str(label) for label in labels]


def read_tokens(folder: Path, max_tokens: int) -> Tokenizer:
    """The tokenizer of an export; UserError where it is missing or damaged."""
    path = folder / "tokenizer.json"
    _read(path)
    with decoding(f"{path} is no tokenizer", AGAIN):
        return read_tokenizer(path, max_tokens=max_tokens)


def _read(path: Path) -> Any:
    """What a JSON file of an export holds; UserError where it is missing or damaged."""
    with decoding(f"{path} is damaged", AGAIN):
        return json.loads(path.read_text(encoding="utf-8"))


def written(content: Any) -> str:
    """JSON as the exports have it."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
