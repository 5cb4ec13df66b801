"""Training across modalities: losses, Algorithm 1 on features and maps, and students that differ by their teacher alone."""

import copy
import itertools

import pytest
import torch
from faults import one_sentence
from torch import nn
from waits import waits_of_steps

from msd.data.findings import Findings, Row
from msd.distill.losses import kd_divergence
from msd.mfh.config import Distillation, NetTraining
from msd.mfh.crossmodal.losses import kd_loss, task_loss
from msd.mfh.crossmodal.networks import Joint, Net
from msd.mfh.crossmodal.samples import IGNORED, Samples, check_splits, gathered, resized, standardised
from msd.mfh.crossmodal.training import (
    KINDS,
    ModalityNet,
    Side,
    algorithm_1,
    channel_distance,
    train,
    train_together,
    trained_logits,
    transfer,
)
from msd.mfh.generality import silence

TRAINING = NetTraining(epochs=30, batch_size=50, learning_rate=0.05)
DISTILLATION = Distillation(task_weight=1, kd_weight=1, temperature=2)


def test_a_sample_of_another_shape_is_dropped_with_its_reason() -> None:
    shapes = [(3, 4, 4)] * 39 + [(1, 4, 4)]  # which would fill all three channels
    findings, rows = Findings(), [Row((f"{n}.png",), str(n), shape) for n, shape in enumerate(shapes)]
    samples, kept = gathered(
        rows, lambda shape: {"image": torch.ones(shape), "label": torch.tensor(0)}, findings, split="train"
    )
    assert samples.inputs["image"].shape == (39, 3, 4, 4)
    assert kept == rows[:39]
    assert [entry["reason"] for entry in findings] == ["another shape than others: image"]


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw_split(count: int, seed: int) -> Samples:
    """Four channels decide; x shows all of them and four of noise, y the first two and noise."""
    generator = stream(seed)
    decisive, noise = torch.randn(count, 4, generator=generator), torch.randn(count, 10, generator=generator)
    x, y = torch.cat([decisive, noise[:, :4]], 1), torch.cat([decisive[:, :2], noise[:, 4:]], 1)
    return Samples({"x": x, "y": y}, (decisive.sum(1) > 0).long())


@pytest.fixture(scope="module")
def splits() -> dict[str, Samples]:
    return {name: draw_split(300, seed) for seed, name in enumerate(("train", "val", "test"))}


X = Side(("x",), lambda: Net(nn.Identity(), 8, 2))
Y = Side(("y",), lambda: Net(nn.Identity(), 8, 2))


def maps_net() -> Net:
    return Net(nn.Conv2d(1, 3, 3, padding=1, stride=2), 3, 4, maps=True)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_divergence_is_that_of_the_other_studies_as_a_mean(temperature: float) -> None:
    student, teacher = torch.randn(6, 3, generator=stream(1)), torch.randn(6, 3, generator=stream(2))
    for task, label, count in (("multiclass", torch.zeros(6).long(), 1), ("multilabel", torch.zeros(6, 3), 3)):
        expected = kd_divergence(student, teacher, temperature=temperature, task=task).mean() / count
        assert kd_loss(student, teacher, label, temperature=temperature) == pytest.approx(expected.item(), rel=1e-5)


def test_pixels_that_are_ignored_count_for_neither_loss() -> None:
    student, teacher = torch.randn(2, 4, 2, 2, generator=stream(1)), torch.randn(2, 4, 2, 2, generator=stream(2))
    label = torch.full((2, 4, 4), IGNORED)
    label[0, 0, 0] = 1
    at = resized(student, label)[:1, :, 0, 0], resized(teacher, label)[:1, :, 0, 0]
    alone = torch.tensor([1])
    torch.testing.assert_close(task_loss(student, label), task_loss(at[0], alone))
    torch.testing.assert_close(kd_loss(student, teacher, label, temperature=2), kd_loss(*at, alone, temperature=2))


def test_the_losses_of_maps_are_those_of_the_pixels_with_a_class_taken_out() -> None:
    student = torch.randn(3, 5, 4, 6, generator=stream(1), requires_grad=True)
    teacher = torch.randn(3, 5, 2, 3, generator=stream(2))
    label = torch.randint(0, 5, (3, 8, 12), generator=stream(3))
    label[torch.rand(3, 8, 12, generator=stream(4)) < 0.3] = IGNORED
    z, t = (resized(maps, label).movedim(1, -1)[label != IGNORED] for maps in (student, teacher))
    simple = (
        nn.functional.cross_entropy(z, label[label != IGNORED]),
        kd_divergence(z, t, temperature=2, task="multiclass").mean(),
    )
    for found, expected in zip(
        (task_loss(student, label), kd_loss(student, teacher, label, temperature=2)), simple, strict=True
    ):
        torch.testing.assert_close(found, expected)
        gradients = [torch.autograd.grad(loss, student, retain_graph=True)[0] for loss in (found, expected)]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_step_does_not_wait_for_the_device(optimizer: str) -> None:
    label = torch.randint(0, 4, (6, 8, 8), generator=stream(3))
    label[:, 0] = IGNORED
    samples = Samples({"rgb": torch.randn(6, 1, 8, 8, generator=stream(1))}, label)
    how = {"training": NetTraining(epochs=1, batch_size=3, learning_rate=0.1, optimizer=optimizer), "seed": 0}
    side, teacher = Side(("rgb",), maps_net), torch.randn(6, 4, 4, 4, generator=stream(2))
    with waits_of_steps() as waits:
        train(ModalityNet.start(side, 0), samples, **how, teacher=teacher, distillation=DISTILLATION)
        train_together(*(ModalityNet.start(side, seed) for seed in (0, 1)), samples, **how)
    assert waits == []


def test_the_distance_of_maps_is_that_of_whole_maps_changing_places() -> None:
    features, head = torch.randn(7, 3, 2, 2, generator=stream(1)), nn.Conv2d(3, 4, 1)
    other = torch.randn(7, 4, 2, 2, generator=stream(2))
    with torch.no_grad():
        for channel, distance in enumerate(channel_distance(features, head, other)):
            total = 0.0
            for mine, another in itertools.product(range(7), repeat=2):
                changed = features[mine].clone()
                changed[channel] = features[another, channel]
                total += (head(changed[None]) - other[mine]).square().mean().item() / 49
            assert distance.item() == pytest.approx(total, rel=1e-4)


def test_maps_are_silenced_by_the_mean_over_samples_and_places() -> None:
    features = torch.randn(3, 4, 2, 2, generator=stream(1))
    means = features.transpose(0, 1).flatten(1).mean(1)
    silenced = silence(features, torch.tensor([2]), means)
    assert torch.equal(silenced[:, [0, 1, 3]], features[:, [0, 1, 3]])
    assert silenced[:, 2].unique().tolist() == pytest.approx([features[:, 2].mean().item()], rel=1e-5)


def test_the_pair_descends_both_tasks_and_the_distance_of_their_logits(splits) -> None:
    """One full batch is one step of plain descent on the sum."""
    training = NetTraining(epochs=1, batch_size=300, learning_rate=0.1, momentum=0)
    ours, theirs = ([ModalityNet.start(side, 5) for side in (X, Y)] for _ in range(2))
    train_together(*ours, splits["train"], training=training, seed=0)
    samples = splits["train"]
    a, b = (net.net(samples.inputs[net.modalities[0]]) for net in theirs)
    loss = nn.functional.cross_entropy(a, samples.label) + nn.functional.cross_entropy(b, samples.label)
    (loss + (a - b).square().mean()).backward()
    for mine, other in zip(ours, theirs, strict=True):
        for ours_now, start in zip(mine.net.parameters(), other.net.parameters(), strict=True):
            assert torch.allclose(ours_now, start - 0.1 * start.grad, atol=1e-6)


def test_nothing_silenced_leaves_the_regular_teacher_to_the_bit(splits) -> None:
    pair = ModalityNet.start(X, 1), ModalityNet.start(Y, 1)
    found = algorithm_1(*pair, splits, share=0, training=TRAINING, seed=1)
    for kind, split in itertools.product(KINDS, ("train", "test")):
        assert torch.equal(found[kind][split], found["regular"][split])
    assert torch.allclose(found["regular"]["test"], pair[0].logits(splits["test"], TRAINING), atol=1e-6)


def test_a_general_teacher_keeps_what_both_modalities_show_and_a_specific_one_loses_it(splits) -> None:
    teacher, other = ModalityNet.start(X, 1), ModalityNet.start(Y, 1)
    algorithm_1(teacher, other, splits, share=0.5, training=TRAINING, seed=1)
    features = teacher.features(splits["train"], TRAINING)
    distance = channel_distance(features, teacher.net.head, other.logits(splits["train"], TRAINING))
    assert set(distance.argsort(descending=True)[:2].tolist()) == {0, 1}


def test_students_differ_by_their_teacher_alone(splits) -> None:
    how = {"share": 0.5, "training": TRAINING, "distillation": DISTILLATION, "seed": 3}
    found = transfer(splits, X, Y, **how)
    assert list(found) == ["no-kd", *(f"{net}-{kind}" for kind in KINDS for net in ("teacher", "kd"))]
    again = transfer(splits, X, Y, **how)
    assert all(torch.equal(found[name], again[name]) for name in found)
    none = DISTILLATION.model_copy(update={"kd_weight": 0})
    untaught = transfer(splits, X, Y, **(how | {"distillation": none}))
    assert all(torch.allclose(untaught[f"kd-{kind}"], found["no-kd"], atol=1e-6) for kind in KINDS)
    right = {name: (logits.argmax(1) == splits["test"].label).float().mean() for name, logits in found.items()}
    assert right["teacher-regular"] > right["teacher-general"] > right["teacher-specific"]
    assert right["kd-general"] > right["kd-specific"]


def test_pure_divergence_brings_a_student_to_its_teacher(splits) -> None:
    """The teacher's own architecture and modality: its answers can be reached."""
    teacher = ModalityNet.start(X, 1)
    train(teacher, splits["train"], training=TRAINING, seed=1)
    taught = teacher.logits(splits["train"], TRAINING)
    pure = Distillation(task_weight=0, kd_weight=1, temperature=1)
    how = {"training": NetTraining(epochs=200, batch_size=50, learning_rate=0.1), "seed": 2}
    student = trained_logits(X, splits, **how, teacher=taught, distillation=pure)
    wanted = teacher.logits(splits["test"], TRAINING)
    assert torch.allclose(student.softmax(1), wanted.softmax(1), atol=0.02)


def test_several_modalities_and_maps_go_through_the_same_functions() -> None:
    """Segmentation, with a teacher of both modalities."""
    generator = stream(4)
    pictures = torch.randn(8, 1, 8, 8, generator=generator)
    label = (pictures[:, 0] > 0).long()
    label[:, 0] = IGNORED
    samples = Samples({"rgb": pictures, "depth": pictures + torch.randn(8, 1, 8, 8, generator=generator)}, label)
    data = dict.fromkeys(("train", "val", "test"), samples)
    check_splits(data, "drawn")
    both = Side(("rgb", "depth"), lambda: Joint({"rgb": maps_net(), "depth": maps_net()}, 4))
    short = NetTraining(epochs=2, batch_size=4, learning_rate=0.1)
    found = transfer(data, both, Side(("rgb",), maps_net), share=0.5, training=short, distillation=DISTILLATION, seed=0)
    assert {tuple(logits.shape) for logits in found.values()} == {(8, 4, 4, 4)}
    assert not torch.equal(found["teacher-general"], found["teacher-regular"])


def test_starts_follow_from_seed_and_modalities_and_leave_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, same, other = ModalityNet.start(X, 1).net, ModalityNet.start(X, 1).net, ModalityNet.start(X, 2).net
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.head.weight, same.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_a_loss_that_runs_away_is_an_error(splits) -> None:
    huge = splits["train"]._replace(inputs={"x": 1e20 * splits["train"].inputs["x"]})
    runaway = NetTraining(epochs=3, batch_size=50, learning_rate=10, weight_decay=1e6)
    with one_sentence(r"step \d+: the values of the loss are no longer finite"):
        train(ModalityNet.start(X, 1), huge, training=runaway, seed=0)


def test_standardised_by_the_training_samples(splits) -> None:
    shifted = {name: item._replace(inputs={"x": 3 * item.inputs["x"] + 5}) for name, item in splits.items()}
    made = standardised(shifted)
    values = made["train"].inputs["x"]
    assert (values.mean().item(), values.std(correction=0).item()) == pytest.approx((0, 1), abs=1e-5)
    assert made["test"].inputs["x"].mean().abs() > 1e-4, "not by its own"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.pop("val"), r"drawn: there must be the splits train, val and test, not \['test', 'train'\]"),
        (lambda s: s.update(val=s["val"]._replace(inputs={"x": s["val"].inputs["x"]})), r"val has \['x'\]"),
        (lambda s: s.update(test=s["test"]._replace(label=s["test"].label[1:])), "300 of x, 300 of y and 299 labels"),
    ],
)
def test_splits_that_do_not_fit_are_one_sentence(splits, change, sentence: str) -> None:
    broken = dict(splits)
    change(broken)
    with one_sentence(sentence):
        check_splits(broken, "drawn")


SAMPLES = Samples({"view": torch.randn(6, 3, generator=stream())}, torch.arange(6) % 2)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net(nn.Identity(), 3, 2)


def trained(net: Net, **how: object) -> torch.Tensor:
    """The head's weights after full-batch training."""
    copied = copy.deepcopy(net)
    train(ModalityNet(copied, ("view",)), SAMPLES, training=NetTraining(batch_size=6, **how), seed=0)
    return copied.head.weight.detach()


def test_the_learning_rate_is_a_tenth_after_so_many_epochs(net: Net) -> None:
    rates = [0.5, 0.5, 0.05, 0.05, 0.005]
    expected = copy.deepcopy(net)
    for rate in rates:
        expected.zero_grad()
        task_loss(expected(SAMPLES.inputs["view"]), SAMPLES.label).backward()
        with torch.no_grad():
            for parameter in expected.parameters():
                parameter -= rate * parameter.grad
    found = trained(net, epochs=5, learning_rate=0.5, momentum=0.0, decay_every=2)
    assert torch.allclose(found, expected.head.weight, atol=1e-6)
    constant = trained(net, epochs=5, learning_rate=0.5, momentum=0.0)
    assert not torch.allclose(found, constant, atol=1e-2)


def test_adamw_first_steps_by_the_learning_rate_and_decays_weights(net: Net) -> None:
    """Its first step is lr in the direction of the gradient's sign, after w ← w·(1 − lr·decay)."""
    probe = copy.deepcopy(net)
    task_loss(probe(SAMPLES.inputs["view"]), SAMPLES.label).backward()
    wanted = net.head.weight * (1 - 0.01 * 0.5) - 0.01 * probe.head.weight.grad.sign()
    found = trained(net, epochs=1, learning_rate=0.01, weight_decay=0.5, optimizer="adamw")
    assert torch.allclose(found, wanted, atol=1e-5)
