"""The exact hyper-gradient, the split that it is taken on, and the net that it trains."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from faults import one_sentence
from small_study import new_model, new_setting
from torch import Tensor
from torch.func import functional_call

from msd.distill.losses import kd_divergence, task_loss
from msd.distill.weight_learning import WeightLearner, WeightNet, meta_gradient, meta_split, weighted_loss
from msd.models.views import VIEWS

SHARE, STEP_LENGTH = 0.7, 0.05


class Problem:
    """A small student in float64, a batch of five samples with a teacher, and seven others for the meta loss."""

    def __init__(self, task: str, **changes) -> None:
        setting = new_setting(task=task)
        samples, self.task = setting.samples, task
        samples = replace(samples, regions=samples.regions.double())
        rows, others = torch.arange(5), torch.arange(5, 12)
        self.inputs, self.others = samples.inputs(rows), samples.inputs(others)
        self.targets, self.gold = samples.targets[rows], samples.targets[others]
        self.teacher = {view: logits[rows].double() for view, logits in setting.teacher.logits.items()}
        self.student = new_model(0, **changes).double()
        self.parameters = dict(self.student.named_parameters())
        self.weights = 2 * torch.rand(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def losses(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        logits = {}
        for seed, view in enumerate(VIEWS):
            torch.manual_seed(seed)
            logits[view] = functional_call(self.student, dict(parameters), (self.inputs, (view,)))[view].logits
        divergences = [kd_divergence(logits[view], self.teacher[view], temperature=2, task=self.task) for view in VIEWS]
        return task_loss(logits["both"], self.targets, task=self.task), torch.stack(divergences, dim=1)

    def meta_loss(self, parameters: Mapping[str, Tensor]) -> Tensor:
        torch.manual_seed(9)
        logits = functional_call(self.student, dict(parameters), (self.others,))["both"].logits
        return task_loss(logits, self.gold, task=self.task).mean()

    def forward_mode(self, **changes) -> Tensor:
        arguments = {"parameters": self.parameters, "share": SHARE, "step_length": STEP_LENGTH}
        arguments["gradient"] = dict(zip(self.parameters, self.gradient(self.weights), strict=True))
        return meta_gradient(lambda theta: self.losses(theta)[1], self.meta_loss, **{**arguments, **changes})

    def gradient(self, weights: Tensor, **options) -> list[Tensor]:
        loss = weighted_loss(*self.losses(self.parameters), weights, share=SHARE).mean()
        leaves = list(self.parameters.values())
        return list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True, **options))

    def moved(self, weights: Tensor, rate: Tensor, **options) -> dict[str, Tensor]:
        steps = zip(self.parameters.items(), self.gradient(weights, **options), strict=True)
        return {name: parameter - rate * step for (name, parameter), step in steps}

    def rate(self) -> Tensor:
        return STEP_LENGTH / torch.cat([part.flatten() for part in self.gradient(self.weights)]).norm()


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("pool", ["modality-means", "first"])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_it_is_the_gradient_through_the_unrolled_step(task: str, pool: str, dropout: float) -> None:
    problem = Problem(task, pool=pool, dropout=dropout)
    weights = problem.weights.clone().requires_grad_()
    ahead = problem.moved(weights, problem.rate(), create_graph=True)
    (unrolled,) = torch.autograd.grad(problem.meta_loss(ahead), weights)
    assert unrolled.abs().min() > 0
    assert (problem.forward_mode() - unrolled).norm() <= 1e-10 * unrolled.norm()


def test_the_student_stays_as_it_is_and_a_share_of_zero_gives_zero() -> None:
    problem = Problem("multiclass")
    before = {name: parameter.detach().clone() for name, parameter in problem.parameters.items()}
    assert not problem.forward_mode(share=0.0).any()
    problem.forward_mode()
    assert all(torch.equal(before[name], parameter) for name, parameter in problem.parameters.items())
    assert all(parameter.grad is None for parameter in problem.parameters.values())


def test_no_gradient_no_step() -> None:
    problem = Problem("multiclass")
    nothing = {name: torch.zeros_like(parameter) for name, parameter in problem.parameters.items()}
    assert not problem.forward_mode(gradient=nothing).any()


def classes(size: int = 500) -> Tensor:
    return torch.multinomial(torch.tensor([0.6, 0.3, 0.08, 0.02]), size, replacement=True)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.33, 0.5])
def test_every_label_has_its_share_of_what_is_held_out(share: float) -> None:
    targets = classes()
    rows, held_out = meta_split(targets, len(targets), share=share, seed=3)
    assert len(held_out) == round(share * len(targets))
    assert torch.equal(torch.cat((rows, held_out)).sort().values, torch.arange(len(targets)))
    for label in range(4):
        assert abs((targets[held_out] == label).sum() - share * (targets == label).sum()) <= 1


def test_a_sample_of_several_labels_counts_for_its_rarest() -> None:
    targets = torch.zeros(100, 3)
    targets[:90, 0] = 1
    targets[:20, 1] = 0.3
    targets[10:20, 2] = 0.9
    _, held_out = meta_split(targets, len(targets), share=0.1, seed=0)
    counts = [((held_out >= low) & (held_out < high)).sum() for low, high in ((0, 10), (10, 20), (20, 90), (90, 100))]
    assert counts == [1, 1, 7, 1]


@pytest.mark.parametrize("targets", [classes(), torch.randint(0, 2, (500, 3)).float()])
def test_rows_behind_the_labelled_ones_are_in_no_part(targets: Tensor) -> None:
    expected = meta_split(targets[:400], 400, share=0.1, seed=0)
    assert all(map(torch.equal, meta_split(targets, 400, share=0.1, seed=0), expected))


def test_the_split_follows_the_seed() -> None:
    targets = classes()
    first, again, other = (meta_split(targets, len(targets), share=0.1, seed=seed)[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("samples", "share", "sentence"),
    [
        (500, 0.007, "4 of 500 samples are held out, 496 left"),
        (500, 0.994, "497 of 500 samples are held out, 3 left"),
        (500, 1e-9, "0 of 500 samples"),
        (6, 0.01, "0 of 6 samples"),
    ],
)
def test_a_part_without_two_samples_or_one_of_each_label_is_refused(samples: int, share: float, sentence: str) -> None:
    targets = torch.arange(samples) % 5
    with one_sentence(rf"^meta_share: {sentence}.*: fewer than 2 or than the 5 labels"):
        meta_split(targets, len(targets), share=share, seed=0)


def test_weights_start_at_one_and_stay_between_zero_and_two() -> None:
    net = WeightNet(5, 3, hidden=8)
    features = 100 * torch.randn(64, 5)
    net.observe(features)
    assert (net(features) == 1).all()
    torch.nn.init.normal_(net.last.weight, std=10)
    weights = net(features)
    assert weights.min() >= 0
    assert weights.max() <= 2
    assert weights.std() > 0.1


def test_running_statistics_are_those_of_all_that_was_seen() -> None:
    net, seen = WeightNet(2, 3, hidden=4), torch.randn(50, 8, 2) * torch.tensor([0.01, 30]) + 5
    for batch in seen:
        net.observe(batch)
    flat = seen.flatten(0, 1)
    assert torch.allclose(net.mean, flat.mean(0), rtol=1e-4)
    assert torch.allclose((net.square - net.mean.square())[1], flat.var(0, unbiased=False)[1], rtol=1e-2)


@pytest.mark.parametrize("size", [1e-7, 1.0, 1e5])
def test_weights_move_against_the_hypergradient_whatever_its_size(size: float) -> None:
    torch.manual_seed(0)
    learner = WeightLearner(5, 3, hidden=8, learning_rate=0.01)
    features = torch.randn(32, 5)
    learner.net.observe(features)
    direction = torch.tensor([1.0, -1.0, 0.0]).expand(32, 3)
    for _ in range(20):
        learner.learn(learner.net(features), size * direction)
    both, image, text = learner.net(features).mean(0).tolist()
    assert both < 0.9 < 1.1 < image
    assert text == 1
    kept = learner.net(features)
    learner.learn(learner.net(features), torch.zeros(32, 3))
    assert torch.equal(kept, learner.net(features))
