"""How much a teacher's answers add to the labels it was trained on: nothing, where it knows these by heart."""

import torch
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import Task, task_loss

SAME = 0.02
"""Below so much probability off the labels, distillation at temperature 1 is the same as fine-tuning."""


def lesson(logits: Tensor, targets: Tensor, *, task: Task) -> dict[str, float]:
    """Means over samples: `entropy` of the answers p, `label_kl` = KL(labels ‖ p) and `off_label`, how far p is away.

    logits: (N, C). targets: (N,) classes or (N, C) scores. In nats, summed over classes or labels; off_label is the
    total variation Σ|y − p|/2 (several labels: Σ|y − p|). At T = 1 the gradients of fine-tuning and of distillation by
    the student's logits differ by y − p, so that off_label bounds what distillation can change.
    """
    z = logits.double()
    if task == "multiclass":
        log_p = z.log_softmax(-1)
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1)
        y = F.one_hot(targets, z.shape[1]).to(p) if targets.ndim == 1 else targets.to(p)
        moved = (y - p).abs().sum(-1) / 2
        of_labels = torch.special.entr(y).sum(-1)
    else:
        p, y = z.sigmoid(), targets.to(z)
        entropy = -(p * F.logsigmoid(z) + (1 - p) * F.logsigmoid(-z)).sum(-1)
        moved = (y - p).abs().sum(-1)
        of_labels = (torch.special.entr(y) + torch.special.entr(1 - y)).sum(-1)
    divergence = task_loss(z, targets, task=task) - of_labels
    found = {"entropy": entropy, "label_kl": divergence, "off_label": moved}
    return {name: float(values.mean()) for name, values in found.items()}
