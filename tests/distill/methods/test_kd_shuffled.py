"""A teacher that answers for other samples."""

import torch
from small_study import KD, SIZE, new_setting, new_step

from msd.distill.method import method_class


def test_every_answer_is_given_once_and_to_another_sample_as_a_rule() -> None:
    setting = new_setting()
    method, rows = method_class("kd_shuffled")(KD, setting), torch.arange(SIZE)
    teacher, target = setting.teacher.logits["both"], method.target(rows)
    assert torch.equal(target[:, 0].sort().values, teacher[:, 0].sort().values)
    assert (target == teacher).all(1).sum() < SIZE / 2
    batch = torch.tensor([7, 2, 2])
    assert torch.equal(method.target(batch), target[batch])


def test_the_permutation_follows_the_seed_alone() -> None:
    rows = torch.arange(SIZE)
    first, again, other = (
        method_class("kd_shuffled")({**KD, "lambda": share}, new_setting(seed=seed)).target(rows)
        for seed, share in ((0, 0.5), (0, 0.9), (1, 0.5))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_it_is_kd_from_the_permuted_teacher() -> None:
    setting = new_setting()
    shuffled = method_class("kd_shuffled")(KD, setting)
    kd = method_class("kd")(KD, new_setting(logits={"both": shuffled.target(torch.arange(SIZE))}))
    assert torch.equal(shuffled.loss(new_step(shuffled))[0], kd.loss(new_step(kd))[0])
