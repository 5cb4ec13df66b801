"""Stage `av_mnist`: pictures and recordings of digits; a student of audio with teachers of audio, or of both.

Table 1 of Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, and Algorithm 1 on its data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from msd.data.findings import Findings
from msd.mfh.av_mnist.archive import CLASSES, read_av_mnist
from msd.mfh.av_mnist.spoken_digits import read_digits
from msd.mfh.crossmodal.networks import Joint, small
from msd.mfh.crossmodal.samples import Samples, standardised
from msd.mfh.crossmodal.training import ModalityNet, Side, train, trained_logits, transfer
from msd.training.checkpoint import Checkpoint
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.av_mnist.config import AvMnistParams


def av_mnist(job: Job[AvMnistParams]) -> dict[str, float]:
    """Write outputs["runs"]: method, seed, sample, group, right; returns each method's mean accuracy in percent.

    What was dropped of the published archive goes to outputs["findings"].

    A row is one prediction; test samples of one group, the digits of one voice, hang together.
    """
    single_thread()
    findings = Findings(job.params.records)
    splits, groups = read(job.inputs, findings)
    findings.write(job.outputs["findings"])
    splits = standardised(splits)
    label = splits["test"].label
    parts, dataset = [], "spoken-digits" if "digits" in job.inputs else "av-mnist"
    for seed in job.params.seeds:
        checkpoints = partial(Checkpoint, job.scratch, prefix=f"{dataset}, seed {seed}, ")
        for method, logits in predictions(splits, job.params, seed=seed, checkpoints=checkpoints).items():
            right = (logits.argmax(1) == label).numpy()
            part = pd.DataFrame({"sample": np.arange(len(label)), "group": groups, "right": right})
            parts.append(part.assign(method=method, seed=seed))
    frame = pd.concat(parts, ignore_index=True)
    frame.to_parquet(job.outputs["runs"], index=False)
    means = 100 * frame.groupby("method", sort=False)["right"].mean()
    return {str(method): float(mean) for method, mean in means.items()}


def read(inputs: Mapping[str, Any], findings: Findings) -> tuple[dict[str, Samples], NDArray[np.int64]]:
    """The splits, and the group (N,) of each test sample: its voice, or itself in the published archive."""
    if "digits" in inputs:
        return read_digits(inputs["digits"])
    splits = read_av_mnist(Path(inputs["archive"][0]).parent.parent, findings)
    return splits, np.arange(len(splits["test"].label))


def predictions(
    splits: Mapping[str, Samples], params: AvMnistParams, *, seed: int, checkpoints: Callable[[str], Checkpoint]
) -> dict[str, Tensor]:
    """Test logits of teacher-{audio,both}, their students and `no-kd`, and those of `transfer`; all start alike.

    checkpoints: name of a training -> what it goes on from, where its job was killed.
    """
    training, distillation = params.training, params.distillation
    shapes = {name: tuple(item.shape[1:]) for name, item in splits["train"].inputs.items()}
    wide = partial(small, classes=CLASSES, width=params.teacher_width)
    student = Side(("audio",), lambda: small(shapes["audio"], CLASSES, width=params.student_width))
    both = Side(("image", "audio"), lambda: Joint({name: wide(shapes[name]) for name in ("image", "audio")}, CLASSES))
    logits = {}
    for name, side in {"audio": Side(("audio",), lambda: wide(shapes["audio"])), "both": both}.items():
        teacher = ModalityNet.start(side, seed)
        train(teacher, splits["train"], training=training, seed=seed, checkpoint=checkpoints(f"teacher-{name}"))
        logits[f"teacher-{name}"] = teacher.logits(splits["test"], training)
        target = teacher.logits(splits["train"], training)
        how: dict[str, Any] = {"training": training, "seed": seed, "teacher": target, "distillation": distillation}
        logits[f"kd-{name}"] = trained_logits(student, splits, **how, checkpoint=checkpoints(f"kd-{name}"))
    shared: dict[str, Any] = {"training": training, "distillation": distillation, "seed": seed}
    return logits | transfer(splits, both, student, share=params.share, checkpoints=checkpoints, **shared)
