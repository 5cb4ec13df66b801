"""How much a teacher's answers add to the labels it was trained on: nothing, where it knows these by heart."""

from torch import Tensor
from torch.nn import functional as F
from torch.special import entr

from msd.distill.losses import Task, task_loss

SAME = 0.02
"""Below so much probability off the labels, a report warns that distillation at temperature 1 is fine-tuning."""


def lesson(logits: Tensor, targets: Tensor, *, task: Task) -> dict[str, float]:
    """Means over samples: `entropy` of the answers p, `label_kl` = KL(labels ‖ p) and `off_label`, how far p is away.

    logits: (N, C). targets: (N,) classes or (N, C) scores. In nats, summed over classes or labels; off_label is the
    total variation Σ|y − p|/2 (several labels: Σ|y − p|). At T = 1 the gradients of fine-tuning and of distillation by
    the student's logits differ by y − p: by no more than off_label in any of them.
    """
    z = logits.double()
    if task == "multiclass":
        p = z.softmax(-1)
        y = F.one_hot(targets, z.shape[1]).to(p) if targets.ndim == 1 else targets.to(p)
        moved = (y - p).abs().sum(-1) / 2
        entropy, of_labels = entr(p).sum(-1), entr(y).sum(-1)
    else:
        p, y = z.sigmoid(), targets.to(z)
        moved = (y - p).abs().sum(-1)
        entropy, of_labels = ((entr(share) + entr(1 - share)).sum(-1) for share in (p, y))
    divergence = task_loss(z, targets, task=task) - of_labels
    measured = {"entropy": entropy, "label_kl": divergence, "off_label": moved}
    return {name: float(values.mean()) for name, values in measured.items()}
