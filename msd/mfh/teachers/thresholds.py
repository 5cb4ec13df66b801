"""Where a multi-label net's "yes" begins: at the threshold that is best on validation."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import precision_recall_curve
from torch import Tensor


def best_threshold(logits: Tensor, targets: Tensor, *, dataset_task: str) -> float:
    """The logit above which a label is given, for the highest micro-F1; 0 for tasks that give one answer.

    A teacher whose channels are silenced falls back to the labels' frequency and says "yes" to next to nothing above
    one half, and so do its students. What they still know of the order of samples would not be seen.

    logits: (N, C). targets: (N, C) scores, those above one half gold.
    """
    if dataset_task != "multilabel":
        return 0.0
    gold, said = (targets > 0.5).numpy().ravel(), logits.double().numpy().ravel()
    precision, recall, thresholds = precision_recall_curve(gold, said)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    below = said[said < thresholds[best]]  # "yes" from the threshold on: the middle of the gap below it
    return float((thresholds[best] + below.max()) / 2) if len(below) else float(thresholds[best]) - 1.0
