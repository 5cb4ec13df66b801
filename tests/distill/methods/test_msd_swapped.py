"""Auxiliary targets exchanged between the modalities."""

import torch
from small_study import MSD, new_setting, new_step

from msd.distill.method import method_class


def ask(name: str, setting) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    method = method_class(name)(MSD, setting)
    loss, terms = method.loss(new_step(method))
    return loss, terms


def test_swapped_twice_is_msd() -> None:
    setting = new_setting()
    logits = setting.teacher.logits
    exchanged = new_setting(logits={"both": logits["both"], "image": logits["text"], "text": logits["image"]})
    assert torch.equal(ask("msd_swapped", exchanged)[0], ask("msd", setting)[0])
    assert torch.equal(ask("msd_swapped", setting)[0], ask("msd", exchanged)[0])
    assert not torch.equal(ask("msd_swapped", setting)[0], ask("msd", setting)[0])


def test_the_weights_and_the_joint_term_are_those_of_msd() -> None:
    (_, swapped), (_, plain) = ask("msd_swapped", new_setting()), ask("msd", new_setting())
    for name in ("task", "kd/both", "weight/image", "weight/text"):
        assert torch.equal(swapped[name], plain[name]), name
    assert not torch.equal(swapped["kd/image"], plain["kd/image"])
