"""Single modalities that learn from gold labels."""

import pytest
import torch
from small_study import KD, MSD, new_setting, new_step

from msd.distill.losses import task_loss
from msd.distill.method import method_class


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_auxiliary_terms_are_the_task_loss_of_each_view(task: str) -> None:
    setting = new_setting(task=task)
    method, kd = method_class("views_task")(MSD, setting), method_class("kd")(KD, setting)
    step = new_step(method)
    loss, terms = method.loss(step)
    expected = kd.loss(step)[0]
    for modality in ("image", "text"):
        own = task_loss(step.logits(modality), step.targets, task=task)
        assert torch.equal(terms[f"task/{modality}"], own)
        expected = expected + MSD["lambda"] * terms[f"weight/{modality}"] * own
    assert torch.allclose(loss, expected, rtol=1e-6)
    assert f"kd/{modality}" not in terms


def test_it_never_reads_what_the_teacher_says_of_one_modality_but_its_saliency() -> None:
    setting = new_setting()
    only = new_setting(logits={"both": setting.teacher.logits["both"]})
    losses = [(method := method_class("views_task")(MSD, each)).loss(new_step(method))[0] for each in (setting, only)]
    assert torch.equal(*losses)


def test_without_auxiliary_weight_it_is_kd() -> None:
    setting = new_setting()
    method, kd = method_class("views_task")({**MSD, "strength": 0}, setting), method_class("kd")(KD, setting)
    assert torch.equal(method.loss(new_step(method))[0], kd.loss(new_step(kd))[0])
