"""Single modalities that imitate the teacher's joint prediction."""

import torch
from small_study import MSD, new_setting, new_step

from msd.distill.method import method_class


def loss(name: str, setting) -> torch.Tensor:
    method = method_class(name)(MSD, setting)
    return method.loss(new_step(method))[0]


def test_a_teacher_whose_views_are_equal_makes_it_msd() -> None:
    setting = new_setting()
    joint = setting.teacher.logits["both"]
    equal = new_setting(logits={"both": joint, "image": joint, "text": joint})
    assert torch.equal(loss("views_both", setting), loss("msd", equal))
    assert torch.equal(loss("views_both", equal), loss("msd", equal))
    assert not torch.equal(loss("views_both", setting), loss("msd", setting))


def test_it_never_reads_what_the_teacher_says_of_one_modality() -> None:
    setting = new_setting()
    only = new_setting(logits={"both": setting.teacher.logits["both"]})
    assert torch.equal(loss("views_both", setting), loss("views_both", only))
