"""Scores of crossmodal nets: the mean intersection over union of segmentations, and msd.measure.metric for all else."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from msd.measure.metric import evaluate
from msd.mfh.crossmodal.samples import IGNORED
from msd.mfh.crossmodal.training import resized

TASKS = {"accuracy": "multiclass", "micro_f1": "multilabel"}


def score(logits: Tensor, label: Tensor, *, metric: str) -> float:
    """`metric` (accuracy, micro_f1 or miou) of logits (N, C), or maps (N, C, h, w), in [0, 1]."""
    if metric == "miou":
        return mean_iou(logits, label)
    return evaluate(logits, label, dataset_task=TASKS[metric])[metric]


def mean_iou(logits: Tensor, label: Tensor) -> float:
    """Intersection over union of each class over the pixels of all samples, averaged over classes.

    logits: (N, C, h, w), brought to the label's size. label: (N, H, W) in [0, C), 255 where a pixel is not counted.
    Classes that neither labels nor predictions have are left out. NaN where no pixel counts.
    """
    from sklearn.metrics import confusion_matrix

    classes = logits.shape[1]
    counts = np.zeros((classes, classes))
    for answers, wanted in zip(logits.split(1), label.split(1), strict=True):  # a picture at a time is small
        counted = wanted != IGNORED
        predicted = resized(answers, wanted).argmax(1)[counted]
        if len(predicted):
            counts += confusion_matrix(wanted[counted], predicted, labels=range(classes))
    shared = torch.from_numpy(counts.diagonal().copy())
    either = torch.from_numpy(counts.sum(0) + counts.sum(1)) - shared
    there = either > 0
    return float((shared[there] / either[there]).mean()) if bool(there.any()) else math.nan
