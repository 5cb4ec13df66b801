"""A teacher's variants: regular bit for bit at r = 0, silenced by rank, and refused when its head does not fit."""

import pandas as pd
import pytest
import safetensors.torch
import torch
from teacher_files import write_outputs

from msd.distill.top_logits import top_logits
from msd.errors import UserError
from msd.mfh.config import JointTraining
from msd.mfh.generality import exact_distance, train_jointly
from msd.mfh.teachers.variants import (
    DIRECTIONS,
    Direction,
    TeacherOutputs,
    Variant,
    rank_channels,
    variants_of,
)


def training(epochs: int) -> JointTraining:
    return JointTraining(epochs=1, learning_rate=0.01, momentum=0.9).model_copy(update={"epochs": epochs})


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def answers(teacher_files: dict[str, str]) -> TeacherOutputs:
    found = TeacherOutputs("toy", teacher_files)
    targets = torch.tensor([target[0] for target in pd.read_parquet(teacher_files["train"])["target"]])
    found.ranks = rank_channels(found.features["train"], targets, task="multiclass", training=training(100), seed=0)
    return found


def test_at_r_0_every_kind_is_the_regular_teacher_bit_for_bit(answers: TeacherOutputs) -> None:
    for way in DIRECTIONS:
        regular = answers.logits(Variant(*way, "regular", 0.0), "test", seed=0)
        assert torch.equal(regular, answers.view(way.teacher, "test"))
        for kind in ("general", "specific", "random"):
            assert torch.equal(answers.logits(Variant(*way, kind, 0.0), "test", seed=0), regular)


def test_a_variant_is_the_head_on_features_with_channels_at_their_training_means(answers: TeacherOutputs) -> None:
    variant = Variant("text", "image", "general", 0.5)
    channels = answers.silenced(variant, seed=0)
    features = answers.features["test"]["text"].clone()
    for channel in channels.tolist():
        features[:, channel] = answers.features["train"]["text"][:, channel].mean()
    expected = features @ answers.head.weight.T + answers.head.bias
    torch.testing.assert_close(answers.logits(variant, "test", seed=0), expected)
    assert not torch.allclose(expected, answers.view("text", "test"))


def test_shares_are_of_the_channels_that_the_view_has(answers: TeacherOutputs) -> None:
    """A single view leaves two thirds of the pooled features at zero; silencing those would change nothing."""
    for view, alive in (("text", range(8)), ("image", range(8, 16)), ("both", range(24))):
        for kind in ("general", "specific", "random"):
            channels = answers.silenced(Variant(view, "text", kind, 0.25), seed=0).tolist()
            assert len(set(channels)) == len(channels) == len(alive) / 4
            assert set(channels) <= set(alive)


def test_general_teachers_keep_what_both_modalities_tell_and_specific_ones_lose_it(answers: TeacherOutputs) -> None:
    for view, telling in (("text", {0, 1, 2}), ("image", {8, 9, 10})):
        other = "image" if view == "text" else "text"
        general = set(answers.silenced(Variant(view, other, "general", 0.5), seed=0).tolist())
        specific = set(answers.silenced(Variant(view, other, "specific", 0.5), seed=0).tolist())
        assert not general & telling
        assert telling <= specific
        assert not general & specific


def test_random_channels_differ_by_seed_and_nest_over_r(answers: TeacherOutputs) -> None:
    few, many = (Variant("both", "text", "random", share) for share in (0.25, 0.75))
    drawn = [set(answers.silenced(few, seed=seed).tolist()) for seed in range(3)]
    assert len({frozenset(channels) for channels in drawn}) == 3
    assert drawn[0] == set(answers.silenced(few, seed=0).tolist())
    assert drawn[0] <= set(answers.silenced(many, seed=0).tolist())


def test_a_student_of_the_teacher_s_own_modality_is_taught_by_the_variants_that_teach_the_other(
    answers: TeacherOutputs,
) -> None:
    across, within = (Variant("text", student, "general", 0.5) for student in ("image", "text"))
    assert torch.equal(answers.logits(across, "test", seed=0), answers.logits(within, "test", seed=0))
    assert [way for way in DIRECTIONS if not way.crosses] == [Direction("image", "image"), Direction("text", "text")]
    assert len(variants_of(Direction("text", "image"), [0.25, 0.5])) == 7


def test_channels_of_several_labels_are_ranked_too() -> None:
    """Label 0 is told by both views, label 1 by the first alone: channel 0 is more general than channel 1."""
    targets = (torch.rand(400, 2, generator=stream()) < 0.5).float()
    first = 2 * targets + 0.3 * torch.randn(400, 2, generator=stream(1))
    second = torch.stack([2 * targets[:, 0], torch.zeros(400)], dim=1) + 0.3 * torch.randn(400, 2, generator=stream(2))
    heads = train_jointly(first, second, targets, task="multilabel", training=training(200))
    distance = exact_distance(first, heads[0], heads[1].logits(second))
    assert distance[0] > distance[1]


def test_one_training_of_two_labels_is_two_trainings_of_one() -> None:
    """But for the distance of logits, which is a mean over labels: without a second view that can differ, none."""
    targets = (torch.rand(50, 2, generator=stream()) < 0.5).float()
    features = torch.randn(50, 4, generator=stream(1))
    start = train_jointly(features, features, targets, task="multilabel", training=training(0))
    head = train_jointly(features, features, targets, task="multilabel", training=training(1))[0]
    gap = start[0].logits(features) - start[1].logits(features)
    error = (start[0].logits(features).sigmoid() - targets) + gap  # 2/C · gap, C = 2
    torch.testing.assert_close(head.weight, start[0].weight - 0.01 * error.T @ features / 50)


def test_a_head_that_does_not_give_the_logits_back_is_refused(teacher_files: dict[str, str]) -> None:
    tensors = safetensors.torch.load_file(teacher_files["train_outputs"])
    tensors["head/bias"] += 1
    write_outputs(tensors, teacher_files["train_outputs"], prepared=teacher_files["train"])
    with pytest.raises(UserError, match="the head does not give its both logits back"):
        TeacherOutputs("toy", teacher_files)


@pytest.mark.parametrize("shift", [0, 1])
def test_answers_in_half_precision_of_which_the_largest_were_kept_are_taken_where_the_head_fits(
    teacher_files: dict[str, str], shift: int
) -> None:
    """As those of config/paper.yaml on VQA v2."""
    for split in ("train", "val", "test"):
        path = teacher_files[f"{split}_outputs"]
        tensors, kept = safetensors.torch.load_file(path), {}
        for name, values in tensors.items():
            view, _, part = name.partition("/")
            if part == "logits":
                top = top_logits(values, count=1, task="multiclass")
                parts = {"values": top.values.half(), "labels": top.labels.int(), "rest": top.rest}
                kept |= {f"{view}/top/{key}": one for key, one in parts.items()}
            else:
                kept[name] = values.half() if part == "features" else values
        kept["head/bias"] = kept["head/bias"] + shift
        write_outputs(kept, path, prepared=teacher_files[split])
    if shift:
        with pytest.raises(UserError, match="the head does not give its both logits back"):
            TeacherOutputs("toy", teacher_files)
    else:
        whole = TeacherOutputs("toy", teacher_files).view("both", "test")
        assert (whole > whole.amin(1, keepdim=True)).sum(1).max() == 2  # all classes, of which one was kept


def test_answers_to_other_data_are_refused(teacher_files: dict[str, str]) -> None:
    frame = pd.read_parquet(teacher_files["val"])
    frame.iloc[::-1].to_parquet(teacher_files["val"])
    with pytest.raises(UserError, match="does not belong to"):
        TeacherOutputs("toy", teacher_files)
