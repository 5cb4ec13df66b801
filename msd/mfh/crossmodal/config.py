"""config/crossmodal/<name>.yaml: a data set of the paper whose files a user has, how it is read and trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from msd.config.strict import Count, Seed, Strict
from msd.config.yaml_file import read_model
from msd.errors import UserError, nearest
from msd.mfh.config import Distillation, NetTraining, published

FILES = Path("config/crossmodal")
NETWORKS = (
    *("mlp", "cnn-image", "cnn-audio", "resnet18", "resnet50", "resnet18-frames", "resnet50-frames"),
    *("resnet18-video", "resnet18-maps", "resnet50-maps", "small"),
)
"""The networks of msd.mfh.crossmodal.networks, which takes seconds to import."""
Share = Annotated[float, Field(gt=0, lt=1)]
Size = tuple[Count, Count]
Actor = Annotated[int, Field(ge=1, le=24)]
METRICS = {
    "ravdess": "accuracy",
    "vggsound": "accuracy",
    "nyu-depth": "miou",
    "mm-imdb": "micro_f1",
    "tux-paint": "accuracy",
}
MODALITIES = {
    "ravdess": {"audio", "image"},
    "vggsound": {"audio", "video"},
    "nyu-depth": {"rgb", "depth"},
    "mm-imdb": {"text", "image"},
    "tux-paint": {"image", "text", "speech"},
}


class Ravdess(Strict):
    """RAVDESS: size of pictures, and the actors of validation and test where the lists do not say them."""

    reader: Literal["ravdess"]
    size: Size = (256, 512)
    validation: tuple[Actor, ...] = (21, 22)
    test: tuple[Actor, ...] = (23, 24)


class VggSound(Strict):
    """VGGSound: frames of a clip, their side, and the share of training clips that validate."""

    reader: Literal["vggsound"]
    frames: Count = 32
    size: Count = 256
    validation: Share = 0.1


class NyuDepth(Strict):
    """NYU Depth V2: number of classes, size of pictures, and the share of training pictures that validate."""

    reader: Literal["nyu-depth"]
    count: Literal[13, 40] = 40
    size: Size = (240, 320)
    validation: Share = 0.1


class MmImdb(Strict):
    """MM-IMDB: size of posters and number of words, or which pictures to take of the HDF5 file."""

    reader: Literal["mm-imdb"]
    size: Size = (256, 160)
    words: Count = 5000
    image: Literal["vgg_features", "images"] = "vgg_features"


class TuxPaint(Strict):
    """Tux Paint's stamps: language of the speech, side of pictures, and seed of the split."""

    reader: Literal["tux-paint"]
    language: Literal["es", "fr"] = "fr"
    size: Count = 48
    seed: Seed = 1


class Crossmodal(Strict):
    """config/crossmodal/<name>.yaml: a data set of the paper, its nets, and what is known of the set-up or not.

    teachers: name -> modality -> network; several modalities are read jointly. student: modality -> network. differs:
    what is done otherwise here than in what is known.
    """

    title: str
    data: Annotated[Ravdess | VggSound | NyuDepth | MmImdb | TuxPaint, Field(discriminator="reader")]
    teachers: Annotated[dict[str, dict[str, str]], Field(min_length=1)]
    student: Annotated[dict[str, str], Field(min_length=1)]
    share: Share
    seeds: Annotated[list[Seed], Field(min_length=1)]
    training: NetTraining
    distillation: Distillation
    known: list[str]
    not_known: Annotated[list[str], Field(min_length=1)]
    differs: list[str]
    licence: str
    citation: str

    @model_validator(mode="after")
    def _reads_what_is_there(self) -> Crossmodal:
        there = MODALITIES[self.data.reader]
        for networks in (*self.teachers.values(), self.student):
            if not networks:
                raise ValueError("a teacher needs a modality and its network")
            for modality, network in networks.items():
                if modality not in there:
                    known = nearest(modality, sorted(there))
                    raise ValueError(f"{self.data.reader} has no modality {modality!r}{known}")
                if network not in NETWORKS:
                    raise ValueError(f"there is no network {network!r}{nearest(network, list(NETWORKS))}")
                if network.endswith("-maps") != (self.data.reader == "nyu-depth"):
                    raise ValueError(f"{network!r} does not fit {self.data.reader}: pixels need a network of maps")
        return self

    @property
    def metric(self) -> str:
        """The metric of the paper."""
        return METRICS[self.data.reader]

    def params(self, folder: str) -> dict[str, Any]:
        """Parameters of the `crossmodal` job that reads the data set's files from a folder."""
        about = {"title", "known", "not_known", "differs", "licence", "citation"}
        return {"folder": folder, "metric": self.metric, **self.model_dump(mode="json", exclude=about)}

    def report_params(self, name: str) -> dict[str, Any]:
        """What the table needs of the data set `name` besides the runs: what is known of it, and the paper's values."""
        return {
            **self.model_dump(mode="json", include={"title", "share", "not_known", "differs"}),
            "metric": self.metric,
            "published": [entry.model_dump(mode="json") for entry in published("main", name)],
        }


def read_crossmodal(folders: dict[str, str]) -> dict[str, Crossmodal]:
    """The files of the data sets whose folders a study names; UserError where there is no such file or folder."""
    known = sorted(path.stem for path in FILES.glob("*.yaml"))
    for name, folder in folders.items():
        if name not in known:
            raise UserError(f"crossmodal: there is no data set {name!r}{nearest(name, known)}")
        if not Path(folder).is_dir():
            raise UserError(f"crossmodal.{name}: there is no folder {folder}; name the one that holds its files")
    return {name: read_model(Crossmodal, FILES / f"{name}.yaml") for name in folders}
