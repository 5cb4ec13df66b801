"""Training across modalities: one net, the pair of Algorithm 1, its teachers with silenced channels, and students.

Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.distill.losses import unchecked
from msd.mfh.crossmodal.losses import kd_loss, task_loss
from msd.mfh.crossmodal.networks import Joint, Net
from msd.mfh.crossmodal.samples import Samples
from msd.mfh.generality import Head, Kind, exact_distance, silence, silenced_channels
from msd.seeds import derive_seed
from msd.training.checkpoint import Checkpoint
from msd.training.engine import Engine, Part
from msd.training.loop import Outcome, Training, fit

if TYPE_CHECKING:
    from msd.mfh.config import Distillation, NetTraining

NOT_KEPT = partial(Checkpoint, None)
KINDS: tuple[Kind, ...] = ("regular", "general", "specific", "random")


@dataclass(frozen=True)
class Side:
    """Teacher or student: the modalities that it reads, and how a fresh net of them is made."""

    modalities: tuple[str, ...]
    build: Callable[[], Net]


@dataclass(frozen=True)
class ModalityNet:
    """A net and the modalities that it reads: a Joint is given a mapping of them, another net its one tensor."""

    net: Net
    modalities: tuple[str, ...]

    @classmethod
    def start(cls, side: Side, seed: int) -> ModalityNet:
        """A net whose first weights follow from the seed and its modalities alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, *side.modalities, "start"))
            return cls(side.build(), side.modalities)

    def load(self, samples: Samples, rows: Tensor) -> dict[str, Tensor]:
        """Its modalities of the samples `rows` (B,)."""
        return {name: samples.inputs[name][rows].float() for name in self.modalities}

    def given(self, inputs: Mapping[str, Tensor]) -> Any:
        """What the net is given of modalities."""
        return inputs if isinstance(self.net, Joint) else inputs[self.modalities[0]]

    def features(self, samples: Samples, training: NetTraining) -> Tensor:
        """Features (N, D) or (N, D, h, w) of all samples, on the processor."""
        return self._batched(self.net.encode, samples, training)

    def logits(self, samples: Samples, training: NetTraining) -> Tensor:
        """Logits (N, C) or (N, C, h, w) of all samples, on the processor."""
        return self._batched(self.net, samples, training)

    @torch.no_grad()
    def _batched(self, function: Callable[[Any], Tensor], samples: Samples, training: NetTraining) -> Tensor:
        engine = Engine(training.engine)
        self.net.to(engine.device).eval()
        rows = torch.arange(len(samples.label)).split(training.batch_size)
        loaded = engine.loaded(rows, partial(self.load, samples))
        return torch.cat([function(self.given(inputs)).cpu() for [(_, inputs)] in loaded])


def transfer(
    splits: Mapping[str, Samples],
    teacher: Side,
    student: Side,
    *,
    share: float,
    training: NetTraining,
    distillation: Distillation,
    seed: int,
    checkpoints: Callable[[str], Checkpoint] = NOT_KEPT,
) -> dict[str, Tensor]:
    """Test logits of `no-kd`, and for each kind of Algorithm 1's teacher of `teacher-<kind>` and `kd-<kind>`.

    share: of the teacher's channels that are silenced, r of the paper. All students start from the same weights and
    see batches in the same order. checkpoints: name of a training -> what it goes on from, where its job was killed.
    """
    alone: dict[str, Any] = {"training": training, "seed": seed}
    pair = (ModalityNet.start(teacher, seed), ModalityNet.start(student, seed))
    predictions = {"no-kd": trained_logits(student, splits, **alone, checkpoint=checkpoints("no-kd"))}
    of_kinds = algorithm_1(*pair, splits, share=share, **alone, checkpoint=checkpoints("pair"))
    for kind, logits in of_kinds.items():
        predictions[f"teacher-{kind}"] = logits["test"]
        distilled: dict[str, Any] = {"teacher": logits["train"], "distillation": distillation}
        distilled["checkpoint"] = checkpoints(f"kd-{kind}")
        predictions[f"kd-{kind}"] = trained_logits(student, splits, **alone, **distilled)
    return predictions


def trained_logits(
    side: Side, splits: Mapping[str, Samples], *, training: NetTraining, seed: int, **how: Any
) -> Tensor:
    """Test logits of a fresh net that `train` has trained; how: what else `train` takes."""
    net = ModalityNet.start(side, seed)
    train(net, splits["train"], training=training, seed=seed, **how)
    return net.logits(splits["test"], training)


def train(
    net: ModalityNet,
    samples: Samples,
    *,
    training: NetTraining,
    seed: int,
    teacher: Tensor | None = None,
    distillation: Distillation | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train a net in place on the labels, or with `distillation` from a teacher's logits (N, C, ...) of the samples."""

    def loss(batch: dict[str, Any]) -> Tensor:
        logits, label = net.net(net.given(batch["inputs"])), batch["label"]
        if teacher is None or distillation is None:
            return task_loss(logits, label)
        divergence = kd_loss(logits, batch["teacher"], label, temperature=distillation.temperature)
        return distillation.task_weight * task_loss(logits, label) + distillation.kd_weight * divergence

    _descend([net], samples, loss, teacher=teacher, training=training, seed=seed, checkpoint=checkpoint)


def train_together(
    first: ModalityNet,
    second: ModalityNet,
    samples: Samples,
    *,
    training: NetTraining,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Step 1 of Algorithm 1, in place: L = L_task(z_a) + L_task(z_b) + MSE(z_a, z_b), weights 1 : 1 : 1."""

    def loss(batch: dict[str, Any]) -> Tensor:
        a, b = (net.net(net.given(batch["inputs"])) for net in (first, second))
        return task_loss(a, batch["label"]) + task_loss(b, batch["label"]) + F.mse_loss(a, b)

    _descend([first, second], samples, loss, training=training, seed=seed, checkpoint=checkpoint)


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
    teacher: ModalityNet,
    other: ModalityNet,
    splits: Mapping[str, Samples],
    *,
    share: float,
    training: NetTraining,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> dict[Kind, dict[str, Tensor]]:
    """Both nets are trained together, the teacher's channels ranked and silenced: kind -> train and test -> its logits.

    share: of the teacher's channels to silence, r of the paper, by their means over the training samples; only the
    head is computed anew. The `random` ones follow from the seed.
    """
    train_together(teacher, other, splits["train"], training=training, seed=seed, checkpoint=checkpoint)
    features = {name: teacher.features(splits[name], training) for name in ("train", "test")}
    other_logits = other.logits(splits["train"], training)
    head = teacher.net.head.cpu()
    distance = channel_distance(features["train"], head, other_logits)
    means = features["train"].transpose(0, 1).flatten(1).mean(dim=1)
    predictions: dict[Kind, dict[str, Tensor]] = {}
    for kind in KINDS:
        generator = torch.Generator().manual_seed(derive_seed(seed, "silenced"))
        channels = silenced_channels(distance, kind, share=share, generator=generator)
        with torch.no_grad():
            predictions[kind] = {name: head(silence(item, channels, means)) for name, item in features.items()}
    return predictions


def _descend(
    nets: Sequence[ModalityNet],
    samples: Samples,
    loss: Callable[[dict[str, Any]], Tensor],
    *,
    teacher: Tensor | None = None,
    training: NetTraining,
    seed: int,
    checkpoint: Checkpoint | None,
) -> None:
    """Minimise the loss of batches over the parameters of all nets, in an order that follows from the seed."""
    engine, checkpoint = Engine(training.engine), checkpoint or NOT_KEPT("training")
    for net in nets:
        engine.place(net.net)
    count = len(samples.label)
    epoch_steps = -(-count // training.batch_size)

    def load(rows: Tensor) -> dict[str, Any]:
        inputs = {name: part for net in nets for name, part in net.load(samples, rows).items()}
        given = {} if teacher is None else {"teacher": teacher[rows]}
        return {"inputs": inputs, "label": samples.label[rows], **given}

    fit(
        Training(
            name=checkpoint.name,
            seed=seed,
            modules={f"{number}/{'/'.join(net.modalities)}": net.net for number, net in enumerate(nets)},
            optimiser=_optimiser(nets, training),
            rates=lambda step: [_rate(step // epoch_steps, training)],
            batches=_batches(count, training, seed=seed),
            steps=training.epochs * epoch_steps,
            epoch_steps=epoch_steps,
            load=load,
            loss=_outcome(loss),
        ),
        engine=engine,
        checkpoint=checkpoint,
    )


def _outcome(loss: Callable[[dict[str, Any]], Tensor]) -> Callable[[dict[str, Any], Part, int], Outcome]:
    """The loss of a batch as `fit` asks for it; values are checked when the training is, not at each call."""

    def outcome(batch: dict[str, Any], part: Part, step: int) -> Outcome:
        with unchecked():
            return Outcome(loss(batch))

    return outcome


def _rate(epoch: int, training: NetTraining) -> float:
    rate = training.learning_rate
    for _ in range(epoch // (training.decay_every or training.epochs)):
        rate *= 0.1
    return rate


def _batches(count: int, training: NetTraining, *, seed: int) -> Iterator[Tensor]:
    """The rows of each batch of all epochs, in an order that follows from the seed."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order"))
    for _ in range(training.epochs):
        yield from torch.randperm(count, generator=generator).split(training.batch_size)


def _optimiser(nets: Sequence[ModalityNet], training: NetTraining) -> torch.optim.Optimizer:
    parameters = [parameter for net in nets for parameter in net.net.parameters()]
    rate, decay = training.learning_rate, training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=training.momentum)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def _positions(maps: Tensor) -> Tensor:
    """(N, D) as (1, N, D); (N, D, h, w) as (h·w, N, D)."""
    return maps.unsqueeze(0) if maps.ndim == 2 else maps.flatten(2).permute(2, 0, 1)
