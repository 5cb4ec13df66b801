"""The teachers of an MSD study, regular and with some channels of their pooled features silenced.

A teacher that is given one view (image and text, image alone, text alone) teaches a student that reads one modality.
Its head is linear in the pooled features, so that a variant is its own head on features with some channels at their
training-set means: a matrix product, and no training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import safetensors
import torch
from torch import Tensor

from msd.data import SPLITS
from msd.distill.losses import Task
from msd.errors import UserError, made_anew
from msd.mfh.generality import Head, Kind, exact_distance, scored, silence, silenced_channels, train_jointly
from msd.models.views import VIEWS
from msd.seeds import derive_seed
from msd.training.cached_outputs import read_views

if TYPE_CHECKING:
    from msd.mfh.config import JointTraining

MODALITIES = ("image", "text")
SILENCED: tuple[Kind, ...] = ("general", "specific", "random")
ROUNDING = 1e-3
"""How far, of the largest, logits may lie from the cached ones when the head is put to the features again."""


class Direction(NamedTuple):
    """Which view of the teacher teaches a student of which modality."""

    teacher: str
    student: str

    @property
    def other(self) -> str:
        """The view that the teacher's channels are ranked against: the student's, or what the teacher does not see."""
        return self.student if self.teacher != self.student else MODALITIES[self.student == "image"]

    @property
    def crosses(self) -> bool:
        """Whether teacher and student see different things, which is what the hypothesis is about."""
        return self.teacher != self.student


class Variant(NamedTuple):
    """A teacher in one direction: its kind and the share r of its channels that is silenced."""

    teacher: str
    student: str
    kind: Kind
    share: float

    @property
    def name(self) -> str:
        """What its entries in files are called."""
        return f"{self.teacher}-{self.student}/{self.kind}/{self.share:g}"


DIRECTIONS = tuple(Direction(teacher, student) for student in MODALITIES for teacher in VIEWS)


def variants_of(direction: Direction, shares: Sequence[float]) -> list[Variant]:
    """The regular teacher, whose r is 0, and each kind of silenced one for each share."""
    silenced = [Variant(direction.teacher, direction.student, kind, share) for share in shares for kind in SILENCED]
    return [Variant(direction.teacher, direction.student, "regular", 0.0), *silenced]


class TeacherOutputs:
    """One teacher of a dataset: features (N, H) of every split and view, its head, and its ranked channels.

    inputs: paths of a job, `<split>` and `<split>_outputs`. ranks: of `rank_channels`.

    Raises:
        UserError: the cached outputs are of other data, or the head does not give the cached logits back.
    """

    def __init__(self, name: str, inputs: Mapping[str, Any], *, ranks: pd.DataFrame | None = None) -> None:
        self.name, self.ranks = name, ranks
        self._views: dict[tuple[str, str], Tensor] = {}
        self.features: dict[str, dict[str, Tensor]] = {}
        with safetensors.safe_open(inputs["train_outputs"], framework="pt") as file:
            self.head = Head(file.get_tensor("head/weight").float(), file.get_tensor("head/bias").float())
        for split in SPLITS:
            path, table = inputs[f"{split}_outputs"], inputs[split]
            self.features[split] = read_views(path, prepared=table, part="features")
            for view, cached in read_views(path, prepared=table).items():
                # Where the largest alone were kept, all others of a sample have one value, its smallest.
                kept = cached > cached.amin(1, keepdim=True)
                apart = ((self.view(view, split) - cached) * kept).abs().max() / (1 + cached.abs().max())
                if not apart <= ROUNDING:
                    raise UserError(f"{path}: the head does not give its {view} logits back; {made_anew(path)}")

    def view(self, view: str, split: str) -> Tensor:
        """Logits (N, C) of the regular teacher for one view of a split, computed once."""
        if (view, split) not in self._views:
            self._views[view, split] = self.head.logits(self.features[split][view])
        return self._views[view, split]

    def logits(self, variant: Variant, split: str, *, seed: int) -> Tensor:
        """Logits (N, C) of a variant, the regular one where nothing is silenced; `seed` is of a random one."""
        channels = self.silenced(variant, seed=seed)
        if not len(channels):
            return self.view(variant.teacher, split)
        means = self.features["train"][variant.teacher].mean(dim=0)
        features = self.features[split][variant.teacher]
        return self.head.logits(silence(features, channels, means))

    def silenced(self, variant: Variant, *, seed: int) -> Tensor:
        """The channels that a variant lacks: its share of those that vary in the training set."""
        if variant.kind == "regular":
            return torch.empty(0, dtype=torch.long)
        assert self.ranks is not None
        other = Direction(variant.teacher, variant.student).other
        rows = self.ranks[(self.ranks["view"] == variant.teacher) & (self.ranks["other"] == other)]
        score, channel = (torch.tensor(rows[column].to_numpy()) for column in ("score", "channel"))
        random = torch.Generator().manual_seed(derive_seed(self.name, variant.teacher, seed, "silenced channels"))
        return channel[silenced_channels(score, variant.kind, share=variant.share, generator=random)]


def rank_channels(
    features: Mapping[str, Tensor], targets: Tensor, *, task: Task, training: JointTraining, seed: int
) -> pd.DataFrame:
    """Algorithm 1 on a teacher's pooled features: view, other, channel, distance, score, rank (0 is the most general).

    features: view -> (N, H) of the training split. Two linear nets are trained together for each pair of views; both
    rank their channels by the exact expectation over permutations. Channels that never vary are left out.
    """
    varies = {view: (values.std(dim=0) > 1e-6).nonzero().squeeze(1) for view, values in features.items()}
    alive = {view: values[:, varies[view]] for view, values in features.items()}
    parts = []
    for first, second in (("image", "text"), ("both", "image"), ("both", "text")):
        heads = train_jointly(alive[first], alive[second], targets, task=task, training=training, seed=seed)
        logits = [head.logits(alive[view]) for head, view in zip(heads, (first, second), strict=True)]
        ranked = [(first, second, heads[0], logits[1]), (second, first, heads[1], logits[0])]
        for view, other, head, other_logits in ranked[: 1 if first == "both" else 2]:
            generality = scored(exact_distance(alive[view], head, other_logits))
            columns = {"channel": varies[view], "distance": generality.distance, "score": generality.score}
            frame = pd.DataFrame({name: values.numpy() for name, values in columns.items()})
            parts.append(frame.assign(view=view, other=other, rank=generality.ranking.argsort().numpy()))
    return pd.concat(parts, ignore_index=True)
