"""Weights of distillation terms learned on held-out samples: the bilevel step, exact without a second-order graph."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from msd.data.rows import Rows, blocks
from msd.distill.optimisers import Adam
from msd.errors import UserError

Parameters = Mapping[str, Tensor]


def meta_gradient(
    divergences: Callable[[Parameters], Tensor],
    meta_loss: Callable[[Parameters], Tensor],
    *,
    parameters: Parameters,
    gradient: Parameters,
    share: float,
    step_length: float,
) -> Tensor:
    """∂ meta(θ̂) / ∂ w_ij of one small gradient step θ → θ̂ on a weighted loss, for all samples i and terms j at once.

    L(θ) = mean_i [(1−λ)·task_i(θ) + λ·Σ_j w_ij·D_ij(θ)],   θ̂ = θ − η·∇L(θ),   η = ρ / ‖∇L(θ)‖;
    ∂ meta(θ̂) / ∂ w_ij = −(ηλ/B) · ⟨∇meta(θ̂), ∇D_ij(θ)⟩, η counting as a constant.
    All inner products are one forward-mode product of D along ∇meta(θ̂): a backward pass and a forward pass of dual
    numbers, where a backward pass through ∇L would need its graph.

    Args:
        divergences: θ -> D (B, J) of the B samples of a batch, with the dropout of L's own forward pass.
        meta_loss: θ -> the mean loss (scalar) of samples that θ is not trained on.
        parameters: θ, name -> tensor; left as they are.   gradient: ∇L(θ), name -> tensor.   share: λ in [0, 1].
        step_length: ρ > 0, the length of the virtual step in the space of θ. Small, or θ̂ overshoots: ∇L is long.

    Returns (B, J), zero where ∇L is zero.

    Shu et al., "Meta-Weight-Net", NeurIPS 2019, for one weight a sample; the forward-mode form is this project's.
    Differs from the paper in that the length of the virtual step is given, not its learning rate.
    """
    theta = {name: parameter.detach() for name, parameter in parameters.items()}
    norm = torch.stack([part.norm() for part in gradient.values()]).norm()
    rate = torch.where(norm > 0, step_length / norm, 0.0)
    ahead = {name: parameter - rate * gradient[name] for name, parameter in theta.items()}
    direction = _gradient(meta_loss, ahead)
    products = _along(divergences, theta, direction)
    return -rate * share / len(products) * products


def weighted_loss(task: Tensor, divergences: Tensor, weights: Tensor, *, share: float) -> Tensor:
    """(1−λ)·task_i + λ·Σ_j w_ij·D_ij, per sample (B,), of task (B,), D (B, J) and w (B, J)."""
    return (1 - share) * task + share * (weights * divergences).sum(1)


def _gradient(function: Callable[[Parameters], Tensor], point: Parameters) -> dict[str, Tensor]:
    leaves = {name: value.detach().requires_grad_() for name, value in point.items()}
    values = torch.autograd.grad(function(leaves), list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, values, strict=True))


def _along(function: Callable[[Parameters], Tensor], point: Parameters, direction: Parameters) -> Tensor:
    """The derivative of every output of `function` at `point` along `direction`.

    Dual numbers by hand: `torch.func.jvp` gives the same and took a fifth longer.
    """
    with forward_ad.dual_level():
        dual = {name: forward_ad.make_dual(value, direction[name]) for name, value in point.items()}
        return forward_ad.unpack_dual(function(dual)).tangent


def meta_split(targets: Rows, count: int, *, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Row numbers to train on and, held out from them, a share of every label's samples: both sorted.

    targets: class indices, or rows (C,) of scores, of which the first `count`, N, are split; a sample of several labels
    counts for its rarest one. Returns (N−M,) and (M,) row numbers, M the nearest count to share·N; each label has its
    share of M, within one sample.

    Raises:
        UserError: there are fewer than two samples, or than labels, in one of both.
    """
    held_out, strata = round(share * count), _strata(targets, count)
    least, labels = min(held_out, count - held_out), len(strata.unique())
    if least < max(2, labels):
        parts = f"{held_out} of {count} samples are held out, {count - held_out} left"
        few = f"fewer than 2 or than the {labels} labels"
        raise UserError(f"meta_share: {parts}: {few}; choose a share nearer to 0.5, or give more samples")
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(count, generator=generator)
    by_label = shuffled[strata[shuffled].argsort(stable=True)]
    # Every k-th sample of the rows in the order of their labels, from a random start.
    places = (torch.arange(held_out) + torch.rand(1, generator=generator)) * (count / held_out)
    chosen = torch.zeros(count, dtype=torch.bool)
    chosen[by_label[places.long().clamp(max=count - 1)]] = True
    return torch.nonzero(~chosen).flatten(), torch.nonzero(chosen).flatten()


def _strata(targets: Rows, count: int) -> Tensor:
    if len(targets.shape) == 1:
        return targets[torch.arange(count)]
    counts = torch.zeros(targets.shape[1], dtype=torch.long)
    for rows in blocks(count, targets.shape[1]):
        counts += (targets[rows] > 0).sum(0)
    strata = []
    for rows in blocks(count, targets.shape[1]):
        has = targets[rows] > 0
        rarest = torch.where(has, counts, count + 1).argmin(1)
        strata.append(torch.where(has.any(1), rarest, targets.shape[1]))
    return torch.cat(strata)


class WeightNet(nn.Module):
    """φ (B, F) -> weights (B, J) in (0, 2): 2·sigmoid of a perceptron with one hidden layer, 1 everywhere at the start.

    φ is standardised with running statistics (`observe`): means over all batches of the first `MEMORY`, then
    exponential ones, for divergences shrink while the student learns.
    """

    MEMORY = 100
    mean: Tensor
    square: Tensor
    batches: Tensor

    def __init__(self, features: int, terms: int, *, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.last = nn.Linear(hidden, terms)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        for name, size in (("mean", features), ("square", features), ("batches", 1)):
            self.register_buffer(name, torch.zeros(size))

    def observe(self, features: Tensor) -> None:
        """Take a batch φ (B, F) into the running statistics."""
        self.batches += 1
        rate = 1 / self.batches.clamp(max=self.MEMORY)
        self.mean.lerp_(features.mean(0), rate)
        self.square.lerp_(features.square().mean(0), rate)

    def forward(self, features: Tensor) -> Tensor:
        """Weights (B, J) of φ (B, F)."""
        scale = (self.square - self.mean.square()).clamp_min(1e-12).sqrt()
        standard = (features - self.mean) / scale
        return 2 * self.last(F.relu(self.hidden(standard))).sigmoid()


class WeightLearner:
    """A WeightNet with its own Adam: no nn.Module, so that a method that keeps one hands no parameter of it to the
    student's optimiser, which takes `method.parameters()`.
    """

    def __init__(self, features: int, terms: int, *, hidden: int, learning_rate: float) -> None:
        self.net = WeightNet(features, terms, hidden=hidden)
        self.optimiser = Adam(self.net.parameters(), lr=learning_rate)

    def learn(self, weights: Tensor, hypergradient: Tensor) -> None:
        """One Adam step along ∂meta/∂w (B, J), for weights (B, J) that carry the net's graph.

        The hyper-gradient is divided by its mean size: it is tiny, and it changes by orders of magnitude in a run.
        """
        size = hypergradient.abs().mean()
        direction = hypergradient / torch.where(size > 0, size, 1.0)
        before = [parameter.detach().clone() for parameter in self.net.parameters()]
        self.optimiser.zero_grad()
        (weights * direction).mean().backward()
        self.optimiser.step()
        with torch.no_grad():  # Adam's momentum moves the net even where there is nothing to learn
            for parameter, old in zip(self.net.parameters(), before, strict=True):
                parameter.copy_(torch.where(size > 0, parameter, old))
