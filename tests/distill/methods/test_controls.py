"""Controls: a teacher that knows nothing or answers for other samples, and auxiliary terms without its two views."""

import math

import pytest
import torch
from small_study import KD, LABELS, MSD, SIZE, loss_of, new_setting, new_step

from msd.distill.losses import task_loss
from msd.distill.method import method_class

ALONE = {"lambda": 1.0, "temperature": 2}
ROWS = torch.arange(SIZE)


def test_kd_uniform_is_the_divergence_from_the_uniform_distribution() -> None:
    method = method_class("kd_uniform")(ALONE, new_setting())
    step = new_step(method)
    student = (step.logits("both") / 2).softmax(1)
    expected = [4 * sum(math.log(1 / LABELS / q) / LABELS for q in row) for row in student.tolist()]
    assert method.loss(step)[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_kd_uniform_pulls_every_prediction_to_uniform(task: str) -> None:
    setting = new_setting(task=task)
    method = method_class("kd_uniform")(ALONE, setting)
    with torch.no_grad():
        setting.student.head.weight.mul_(20)
    optimiser = torch.optim.Adam(setting.student.parameters(), lr=1e-2)

    def distance() -> float:
        logits = new_step(method).logits("both")
        difference = logits.softmax(1) - 1 / LABELS if task == "multiclass" else logits.sigmoid() - 0.5
        return difference.abs().max().item()

    before = distance()
    for _ in range(60):
        optimiser.zero_grad()
        method.loss(new_step(method))[0].mean().backward()
        optimiser.step()
    assert distance() < before / 4


def test_kd_shuffled_is_kd_from_a_teacher_whose_rows_change_places() -> None:
    setting = new_setting()
    method = method_class("kd_shuffled")(KD, setting)
    teacher, target = setting.teacher.logits["both"], method.target("both", ROWS)
    assert torch.equal(target[:, 0].sort().values, teacher[:, 0].sort().values)
    assert (target == teacher).all(1).sum() < SIZE / 2
    batch = torch.tensor([7, 2, 2])
    assert torch.equal(method.target("both", batch), target[batch])
    permuted = new_setting(logits={"both": target})
    assert torch.equal(loss_of("kd_shuffled", KD, setting)[0], loss_of("kd", KD, permuted)[0])


def test_the_permutation_follows_the_seed_alone() -> None:
    first, again, other = (
        method_class("kd_shuffled")({**KD, "lambda": share}, new_setting(seed=seed)).target("both", ROWS)
        for seed, share in ((0, 0.5), (0, 0.9), (1, 0.5))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_msd_swapped_exchanges_the_targets_and_neither_weights_nor_the_joint_term() -> None:
    setting = new_setting()
    both, image, text = (setting.teacher.logits[view] for view in ("both", "image", "text"))
    exchanged = new_setting(logits={"both": both, "image": text, "text": image})
    swapped, plain = loss_of("msd_swapped", MSD, setting), loss_of("msd", MSD, setting)
    assert torch.equal(loss_of("msd_swapped", MSD, exchanged)[0], plain[0])
    assert torch.equal(swapped[0], loss_of("msd", MSD, exchanged)[0])
    assert not torch.equal(swapped[0], plain[0])
    for name in ("task", "kd/both", "weight/image", "weight/text"):
        assert torch.equal(swapped[1][name], plain[1][name]), name


def test_views_both_is_msd_from_a_teacher_whose_views_are_equal() -> None:
    setting = new_setting()
    equal = new_setting(logits=dict.fromkeys(("both", "image", "text"), setting.teacher.logits["both"]))
    assert torch.equal(loss_of("views_both", MSD, setting)[0], loss_of("msd", MSD, equal)[0])
    assert not torch.equal(loss_of("views_both", MSD, setting)[0], loss_of("msd", MSD, setting)[0])


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_views_task_adds_the_task_loss_of_each_view(task: str) -> None:
    method = method_class("views_task")(MSD, new_setting(task=task))
    step = new_step(method)
    loss, terms = method.loss(step)
    expected = loss_of("kd", KD, method.setting)[0]
    for modality in ("image", "text"):
        own = task_loss(step.logits(modality), step.targets, task=task)
        assert torch.equal(terms[f"task/{modality}"], own)
        expected = expected + MSD["lambda"] * terms[f"weight/{modality}"] * own
    assert torch.allclose(loss, expected, rtol=1e-6)
    assert f"kd/{modality}" not in terms


@pytest.mark.parametrize("name", ["views_both", "views_task"])
def test_of_one_modality_alone_nothing_but_the_saliency_is_read_of_the_teacher(name: str) -> None:
    setting = new_setting()
    only = new_setting(logits={"both": setting.teacher.logits["both"]})
    assert torch.equal(loss_of(name, MSD, setting)[0], loss_of(name, MSD, only)[0])
