"""Training across modalities: one net, the pair of Algorithm 1, its teachers with silenced channels, and students.

Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.distill import losses
from msd.mfh.crossmodal.networks import Joint, Net
from msd.mfh.crossmodal.samples import IGNORED, Samples, resized
from msd.mfh.generality import Head, exact_distance
from msd.mfh.silencing import Kind, silence, silenced_channels
from msd.seeds import derive_seed

KINDS: tuple[Kind, ...] = ("regular", "general", "specific", "random")


@dataclass(frozen=True)
class Training:
    """SGD with momentum, or AdamW; the last epoch's net is taken. `device` trains, results lie on the processor.

    decay_every: epochs after which the learning rate is a tenth, again and again.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    device: str = "cpu"
    optimizer: Literal["sgd", "adamw"] = "sgd"
    decay_every: int | None = None


@dataclass(frozen=True)
class Distillation:
    """L = task_weight · L_task + kd_weight · T² · KL(teacher ‖ student); a task weight of 0 is pure KL."""

    task_weight: float
    kd_weight: float
    temperature: float


@dataclass(frozen=True)
class Side:
    """Teacher or student: the modalities that it reads, and how a fresh net of them is made."""

    modalities: tuple[str, ...]
    build: Callable[[], Net]


@dataclass(frozen=True)
class Reader:
    """A net and the modalities that it reads: a Joint is given a mapping of them, another net its one tensor."""

    net: Net
    modalities: tuple[str, ...]

    @classmethod
    def start(cls, side: Side, seed: int) -> Reader:
        """A net whose first weights follow from the seed and its modalities alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, *side.modalities, "start"))
            return cls(side.build(), side.modalities)

    def take(self, samples: Samples, rows: Tensor, device: str) -> Any:
        """What the net is given of the samples `rows` (B,)."""
        found = {name: samples.inputs[name][rows].to(device, torch.float32) for name in self.modalities}
        return found if isinstance(self.net, Joint) else found[self.modalities[0]]


def transfer(
    splits: Mapping[str, Samples],
    teacher: Side,
    student: Side,
    *,
    share: float,
    training: Training,
    distillation: Distillation,
    seed: int,
) -> dict[str, Tensor]:
    """Test logits of `no-kd`, and for each kind of Algorithm 1's teacher of `teacher-<kind>` and `kd-<kind>`.

    share: of the teacher's channels that are silenced, r of the paper. All students start from the same weights and
    see batches in the same order.
    """
    alone: dict[str, Any] = {"training": training, "seed": seed}
    pair = (Reader.start(teacher, seed), Reader.start(student, seed))
    found = {"no-kd": trained_logits(student, splits, **alone)}
    for kind, logits in algorithm_1(*pair, splits, share=share, **alone).items():
        found[f"teacher-{kind}"] = logits["test"]
        taught: dict[str, Any] = {"teacher": logits["train"], "distillation": distillation}
        found[f"kd-{kind}"] = trained_logits(student, splits, **alone, **taught)
    return found


def trained_logits(side: Side, splits: Mapping[str, Samples], *, part: str = "test", **how: Any) -> Tensor:
    """Logits on a split of a fresh net that `train` has trained; how: what `train` takes."""
    reader = Reader.start(side, how["seed"])
    train(reader, splits["train"], **how)
    return predict(reader, splits[part], training=how["training"])


def train(
    reader: Reader,
    samples: Samples,
    *,
    training: Training,
    seed: int,
    teacher: Tensor | None = None,
    distillation: Distillation | None = None,
) -> None:
    """Train a net in place on the labels, or with `distillation` from a teacher's logits (N, C, ...) of the samples."""

    def loss(rows: Tensor) -> Tensor:
        logits = reader.net(reader.take(samples, rows, training.device))
        label = samples.label[rows].to(training.device)
        if teacher is None or distillation is None:
            return task_loss(logits, label)
        taught = kd_loss(logits, teacher[rows].to(training.device), label, temperature=distillation.temperature)
        return distillation.task_weight * task_loss(logits, label) + distillation.kd_weight * taught

    _descend([reader], loss, count=len(samples.label), training=training, seed=seed)


def train_together(first: Reader, second: Reader, samples: Samples, *, training: Training, seed: int) -> None:
    """Step 1 of Algorithm 1, in place: L = L_task(z_a) + L_task(z_b) + MSE(z_a, z_b), weights 1 : 1 : 1."""

    def loss(rows: Tensor) -> Tensor:
        a, b = (reader.net(reader.take(samples, rows, training.device)) for reader in (first, second))
        label = samples.label[rows].to(training.device)
        return task_loss(a, label) + task_loss(b, label) + F.mse_loss(a, b)

    _descend([first, second], loss, count=len(samples.label), training=training, seed=seed)


@torch.no_grad()
def channel_distance(features: Tensor, head: nn.Linear | nn.Conv2d, other_logits: Tensor) -> Tensor:
    """Step 2: expected squared distance (D,) of two nets' logits when one channel is permuted across samples.

    features: (N, D), or maps (N, D, h, w), of which whole maps change places. other_logits: (N, C) or (N, C, h, w) of
    the other modality's net. The head is linear, so the expectation over all permutations is exact, at each position
    of a map, over which it is averaged. Larger = the channel is more general.
    """
    assert head.bias is not None
    linear = Head(head.weight.detach().flatten(1), head.bias.detach())
    return exact_distance(_positions(features), linear, _positions(other_logits)).mean(dim=0)


def algorithm_1(
    teacher: Reader, other: Reader, splits: Mapping[str, Samples], *, share: float, training: Training, seed: int
) -> dict[Kind, dict[str, Tensor]]:
    """Both nets are trained together, the teacher's channels ranked and silenced: kind -> train and test -> its logits.

    share: of the teacher's channels to silence, r of the paper, by their means over the training samples; only the
    head is computed anew. The `random` ones follow from the seed.
    """
    train_together(teacher, other, splits["train"], training=training, seed=seed)
    features = {name: encode(teacher, splits[name], training=training) for name in ("train", "test")}
    other_logits = predict(other, splits["train"], training=training)
    head = teacher.net.head.cpu()
    distance = channel_distance(features["train"], head, other_logits)
    means = features["train"].transpose(0, 1).flatten(1).mean(dim=1)
    found: dict[Kind, dict[str, Tensor]] = {}
    for kind in KINDS:
        generator = torch.Generator().manual_seed(derive_seed(seed, "silenced"))
        channels = silenced_channels(distance, kind, share=share, generator=generator)
        with torch.no_grad():
            found[kind] = {name: head(silence(item, channels, means)) for name, item in features.items()}
    return found


def encode(reader: Reader, samples: Samples, *, training: Training) -> Tensor:
    """Features (N, D) or (N, D, h, w) of all samples, on the processor."""
    return _batched(
        lambda rows: reader.net.encode(reader.take(samples, rows, training.device)), reader, samples, training
    )


def predict(reader: Reader, samples: Samples, *, training: Training) -> Tensor:
    """Logits (N, C) or (N, C, h, w) of all samples, on the processor."""
    return _batched(lambda rows: reader.net(reader.take(samples, rows, training.device)), reader, samples, training)


def task_loss(logits: Tensor, label: Tensor) -> Tensor:
    """The mean of `msd.distill.losses.task_loss` over samples, pixels that count, or samples and labels."""
    gold = label[label != IGNORED] if label.ndim == 3 else label
    return losses.task_loss(rows_of(logits, label), gold, task=_task(label)).mean() / _labels(label)


def kd_loss(student: Tensor, teacher: Tensor, label: Tensor, *, temperature: float) -> Tensor:
    """The mean of `msd.distill.losses.kd_divergence`, T² · KL(teacher ‖ student), over what `task_loss` averages."""
    z, t = rows_of(student, label), rows_of(teacher, label)
    return losses.kd_divergence(z, t, temperature=temperature, task=_task(label)).mean() / _labels(label)


def rows_of(logits: Tensor, label: Tensor) -> Tensor:
    """Logits (B, C) of what counts: samples, or the pixels of maps that have a class."""
    if label.ndim < 3:
        return logits
    return resized(logits, label).movedim(1, -1)[label != IGNORED]


def _task(label: Tensor) -> losses.Task:
    return "multilabel" if label.is_floating_point() else "multiclass"


def _labels(label: Tensor) -> int:
    return label.shape[1] if label.is_floating_point() else 1


def _descend(
    readers: Sequence[Reader], loss: Callable[[Tensor], Tensor], *, count: int, training: Training, seed: int
) -> None:
    """Minimise loss(rows) over the parameters of all nets, with batches in an order that follows from the seed."""
    for reader in readers:
        reader.net.to(training.device).train()
    parameters = [item for reader in readers for item in reader.net.parameters()]
    rate, decay = training.learning_rate, training.weight_decay
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if training.optimizer == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=training.momentum)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, training.decay_every or training.epochs)
    generator = torch.Generator().manual_seed(derive_seed(seed, "order"))
    for _ in range(training.epochs):
        for rows in torch.randperm(count, generator=generator).split(training.batch_size):
            optimizer.zero_grad()
            loss(rows).backward()
            optimizer.step()
        schedule.step()
    for reader in readers:
        reader.net.eval()


@torch.no_grad()
def _batched(net: Callable[[Tensor], Tensor], reader: Reader, samples: Samples, training: Training) -> Tensor:
    reader.net.to(training.device).eval()
    rows = torch.arange(len(samples.label)).split(training.batch_size)
    return torch.cat([net(part).cpu() for part in rows])


def _positions(maps: Tensor) -> Tensor:
    """(N, D) as (1, N, D); (N, D, h, w) as (h·w, N, D)."""
    return maps.unsqueeze(0) if maps.ndim == 2 else maps.flatten(2).permute(2, 0, 1)
