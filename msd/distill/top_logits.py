"""A teacher's k largest logits of each sample, and one number for all the others: for thousands of labels."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import Task, kd_divergence


class TopLogits(NamedTuple):
    """values (B, k), the largest first, the labels (B, k) they are of, and the logit (B, 1) that the rest has."""

    values: Tensor
    labels: Tensor
    rest: Tensor


def top_logits(logits: Tensor, *, count: int, task: Task) -> TopLogits:
    """The `count` largest of logits (B, C), and for the C−k others one logit u that stands for each of them.

    multiclass: u = log mean_rest exp(z): at T = 1 the kept classes and the rest as a whole have their probabilities;
    multilabel: u = logit(mean_rest σ(z)): at T = 1 the expected number of the rest's labels is what it was.

    Hinton, Vinyals, Dean, 2015, keep all; keeping the top k is usual, with a rest of zero: here its mass stays.
    """
    values, labels = logits.topk(count, dim=1)
    others = logits.double().scatter(1, labels, -torch.inf)
    size = logits.shape[1] - count
    mean = others.logsumexp(1) - math.log(size) if task == "multiclass" else (others.sigmoid().sum(1) / size).logit()
    return TopLogits(values, labels, mean[:, None].to(logits.dtype))


def all_logits(top: TopLogits, labels: int) -> Tensor:
    """Logits (B, C) of C labels from those that were kept, in the dtype of the rest."""
    return top.rest.repeat(1, labels).scatter_(1, top.labels.long(), top.values.to(top.rest.dtype))


def top_error_bound(top: TopLogits, labels: int, *, temperature: float, task: Task) -> Tensor:
    """Upper bound (B,) of KL(whole ‖ kept) at T in nats, whatever the C−k others were.

    They lie below z_k, the least that was kept, and u is their mean as `top_logits` has it.

    multiclass, with S = Σ_top exp(z/T), M = (C−k)·exp(u/T), a = exp((u − z_k)·(1 − 1/T)):
        KL ≤ h/(S+h)·(z_k − u)/T + log((S+M)/(S+l)),  h = max(M, aM),  l = min(M, aM);
        at T = 1 it is m·(z_k − u), m the rest's mass, which is at most m·log(C−k).
    multilabel, with D(z) = KL(σ(z/T) ‖ σ(u/T)):
        KL ≤ (C−k)·max(D(−∞), D(z_k)), and at T = 1 the lower (C−k)·[(1−w)·D(−∞) + w·D(z_k)], w = σ(u)/σ(z_k).
        Labels do not compete, so that a high T lifts all of the rest: the bound says little there; keep them all.

    The gradient of T²·KL with respect to a student's logits is off by T·(p − p'), and ‖p − p'‖₁ ≤ √(2·KL) (Pinsker).
    """
    size = labels - top.values.shape[1]
    values, rest = top.values.double() / temperature, top.rest[:, 0].double() / temperature
    least = values[:, -1]
    if task == "multiclass":
        kept, mass = values.logsumexp(1), rest + math.log(size)
        bent = mass + (rest - least) * (temperature - 1)
        high, low = torch.maximum(mass, bent), torch.minimum(mass, bent)
        share = (high - torch.logaddexp(kept, high)).exp()
        return share * (least - rest) + torch.logaddexp(kept, mass) - torch.logaddexp(kept, low)
    lowest = F.softplus(rest)
    highest = kd_divergence(rest[:, None], least[:, None], temperature=1, task=task)
    if temperature != 1:
        return size * torch.maximum(lowest, highest)
    weight = rest.sigmoid() / least.sigmoid()
    return size * ((1 - weight) * lowest + weight * highest)
