"""DIST: predictions correlate with the teacher's, within a sample and within a class."""

import torch
from pydantic import Field
from torch import Tensor

from msd.distill.losses import Task, check_predictions, full_precision
from msd.distill.method import Method, Step
from msd.distill.options import MixedOptions, Weight


def correlation_losses(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float, task: Task
) -> tuple[Tensor, Tensor]:
    """T²·(1 − Pearson correlation) within each sample and within each class, the *mean* over classes; the T² included.

    inter_i = T²·(1 − ρ(p_i·, q_i·));   intra = T²·Σ_c (1 − ρ(p_·c, q_·c))/C, the same for every sample of the batch;
    p and q are softmax(z/T) of teacher and student for multiclass, σ(z/T) for multilabel.
    A row or column that is constant (to rounding) has correlation 0 and no gradient.

    Arguments and errors as of `kd_divergence`. Returns inter (B,), intra (B,): float32 (float64 if both are). With one
    sample intra is T². With two classes rows correlate by 1 or −1, so that inter has no gradient.

    Huang, You, Wang, Qian, Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022.
    The T² is that of the authors' code, σ for multilabel tasks this project's.
    Differs from that code, which adds an ε of 1e-8 to the product of the lengths.
    """
    check_predictions(student_logits, teacher_logits, temperature=temperature, task=task)
    scaled = [full_precision(logits) / temperature for logits in (student_logits, teacher_logits)]
    student, teacher = (z.softmax(1) if task == "multiclass" else z.sigmoid() for z in scaled)
    inter = 1 - (_standardised(student, dim=1) * _standardised(teacher, dim=1)).sum(1)
    intra = 1 - (_standardised(student, dim=0) * _standardised(teacher, dim=0)).sum(0).mean()
    return temperature**2 * inter, temperature**2 * intra.expand(len(student))


def _standardised(values: Tensor, *, dim: int) -> Tensor:
    """Centred and of length 1 along `dim`; 0 where all that is left after centring is rounding."""
    centred = values - values.mean(dim, keepdim=True)
    length = torch.linalg.vector_norm(centred, dim=dim, keepdim=True)
    rounding = 8 * torch.finfo(values.dtype).eps * torch.linalg.vector_norm(values.detach(), dim=dim, keepdim=True)
    scaled = centred / torch.where(length > rounding, length, torch.ones_like(length))
    return torch.where(length > rounding, scaled, torch.zeros_like(scaled))


class DIST(Method):
    """L = (1−λ)·task(z_S^both, y) + λ·[β·inter + γ·intra] on `both`; the paper has no λ and 1−λ."""

    class Options(MixedOptions):
        """λ, T and the weights of the two parts."""

        beta: Weight = Field(description="β, of the correlation within a sample")
        gamma: Weight = Field(description="γ, of the correlation within a class")

    options: Options
    imitated = ("both",)
    batch_is = "related"

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, `dist/inter` and `dist/intra`."""
        share, temperature = self.options.share, self.options.temperature
        student, teacher = (step.gather(logits) for logits in (step.logits("both"), step.teacher("both")))
        task = self.task_loss(step)
        losses = correlation_losses(student, teacher, temperature=temperature, task=self.task)
        inter, intra = (step.own(each) for each in losses)
        distilled = self.options.beta * inter + self.options.gamma * intra
        return (1 - share) * task + share * distilled, {"task": task, "dist/inter": inter, "dist/intra": intra}
