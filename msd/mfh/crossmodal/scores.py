"""Metrics of crossmodal nets: the mean intersection over union of segmentations beside those of all studies."""

import numpy as np
import torch
from torch import Tensor

from msd.measure.metric import METRICS as OF_ALL_STUDIES
from msd.measure.metric import Metric, evaluate
from msd.measure.scorers import Array
from msd.measure.values import Measured
from msd.mfh.crossmodal.samples import IGNORED, resized


def score(logits: Tensor, label: Tensor, *, metric: str) -> float:
    """`metric` of logits (N, C), or maps (N, C, h, w), in [0, 1]; NaN where it is undefined."""
    task = {1: "multiclass", 2: "multilabel", 3: "segmentation"}[label.ndim]
    if task == "segmentation":
        return METRICS[metric].value(logits.numpy(), label.numpy(), task).number
    return evaluate(logits, label, dataset_task=task)[metric]


def mean_iou(logits: Array, label: Array, _: str) -> Measured:
    """Intersection over union of each class over the pixels of all samples, averaged over classes.

    logits: (N, C, h, w), brought to the label's size. label: (N, H, W) in [0, C), 255 where a pixel is not counted.
    Classes that neither labels nor predictions have are left out. Undefined where no pixel counts.
    """
    from sklearn.metrics import confusion_matrix

    classes = logits.shape[1]
    counts = np.zeros((classes, classes))
    pictures = zip(torch.from_numpy(logits).split(1), torch.from_numpy(label).split(1), strict=True)
    for maps, gold in pictures:  # a picture at a time is small
        counted = gold != IGNORED
        predicted = resized(maps, gold).argmax(1)[counted]
        if len(predicted):
            counts += confusion_matrix(gold[counted], predicted, labels=range(classes))
    shared = torch.from_numpy(counts.diagonal().copy())
    either = torch.from_numpy(counts.sum(0) + counts.sum(1)) - shared
    present = either > 0
    if not bool(present.any()):
        return Measured(None, "mean IoU is undefined: no pixel is labelled")
    return Measured(float((shared[present] / either[present]).mean()))


METRICS = OF_ALL_STUDIES | {"miou": Metric("miou", "mean IoU", mean_iou, watched=("segmentation",))}
"""Name -> metric of the data sets that a user has."""
