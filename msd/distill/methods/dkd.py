"""Decoupled knowledge distillation: the target class and the other classes, each with a weight of its own."""

import torch
from pydantic import Field
from torch import Tensor

from msd.distill.losses import Task, check_classes, check_predictions, full_precision, kd_divergence
from msd.distill.method import Method, Step
from msd.distill.options import MixedOptions, Weight


def decoupled_losses(
    student_logits: Tensor, teacher_logits: Tensor, targets: Tensor, *, temperature: float, task: Task
) -> tuple[Tensor, Tensor]:
    """TCKD and NCKD per sample, the T² included and no weights: T²·KL of "the target or not", T²·KL of the rest.

    multiclass: TCKD = T²·KL(Bernoulli(p_y) ‖ Bernoulli(q_y)); NCKD = T²·KL(p̂ ‖ q̂), p̂ and q̂ the distributions over
    the classes other than y; p = softmax(z_T/T), q = softmax(z_S/T). Then KD = TCKD + (1−p_y)·NCKD.
    multilabel: each label is a problem of two classes, in which a single class is left over: NCKD is exactly 0 and
    TCKD is the sum of the labels' Bernoulli KL, whether a label is set or not: that of `kd_divergence`.

    Arguments and errors as of `kd_divergence`, with targets (B,) of class indices, which are not used for multilabel.
    Returns TCKD (B,), NCKD (B,): float32 (float64 for float64 logits), times T²; for two classes NCKD is 0 too.

    Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", CVPR 2022.
    Differs from the authors' code: the other classes are taken out, where the code lowers the target's logit by 1000.
    """
    if task == "multilabel":
        whole = kd_divergence(student_logits, teacher_logits, temperature=temperature, task=task)
        return whole, torch.zeros_like(whole)
    check_predictions(student_logits, teacher_logits, temperature=temperature, task=task)
    check_classes(targets, student_logits)
    target = targets.long()[:, None]
    others = torch.arange(student_logits.shape[1] - 1, device=target.device).expand(len(target), -1)
    others = others + (others >= target)
    odds, rest = [], []
    for logits in (full_precision(student_logits), full_precision(teacher_logits)):
        rest.append(logits.gather(1, others))
        odds.append(logits.gather(1, target)[:, 0] - temperature * (rest[-1] / temperature).logsumexp(1))
    of_target = kd_divergence(odds[0][:, None], odds[1][:, None], temperature=temperature, task="multilabel")
    return of_target, kd_divergence(*rest, temperature=temperature, task="multiclass")


class DKD(Method):
    """L = (1−λ)·task(z_S^both, y) + λ·[α·TCKD + β·NCKD] on `both`.

    Differs from the paper: the task loss is mixed with λ and 1−λ, and the authors' code raises the distillation's
    weight over the first epochs. For multilabel tasks, which the paper has not, NCKD is 0 and it is KD with λ·α.
    """

    class Options(MixedOptions):
        """λ, T and the weights of the two parts."""

        alpha: Weight = Field(description="α, of the target class against the others")
        beta: Weight = Field(description="β, of the other classes among themselves")

    options: Options
    imitated = ("both",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, `dkd/target` (TCKD) and `dkd/rest` (NCKD)."""
        share, temperature = self.options.share, self.options.temperature
        student, teacher = step.logits("both"), step.teacher("both")
        task = self.task_loss(step)
        targets = step.targets
        if (
            self.task == "multiclass" and self.setting.samples.unlabelled
        ):  # the teacher's answer where there is no label
            targets = torch.where(self.has_label(step), targets, teacher.argmax(-1))
        tckd, nckd = decoupled_losses(student, teacher, targets, temperature=temperature, task=self.task)
        distilled = self.options.alpha * tckd + self.options.beta * nckd
        return (1 - share) * task + share * distilled, {"task": task, "dkd/target": tckd, "dkd/rest": nckd}
