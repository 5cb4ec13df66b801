"""Algorithm 1: the exact expectation, the ranking of known data, and each mistake of the released code."""

import pytest
import torch
from torch.nn import functional as F

from msd.mfh.config import JointTraining
from msd.mfh.gaussian.data import draw_run
from msd.mfh.gaussian.settings import table2_setting
from msd.mfh.generality import Head, channel_generality, exact_distance, silence, silenced_channels, train_jointly

TRAINING = JointTraining(epochs=1000, learning_rate=0.01, momentum=0.9)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def problem() -> tuple[torch.Tensor, Head, torch.Tensor]:
    """Correlated features with means, a head, and another net's logits that depend on the first channels."""
    generator = stream(1)
    features = torch.randn(60, 5, generator=generator, dtype=torch.float64)
    features = features @ torch.randn(5, 5, generator=generator, dtype=torch.float64) + 1
    head = Head(torch.randn(3, 5, generator=generator).double(), torch.randn(3, generator=generator).double())
    other = 0.5 * features[:, :3] + torch.randn(60, 3, generator=generator, dtype=torch.float64)
    return features, head, other


def test_the_exact_expectation_is_that_over_all_sample_pairs(problem) -> None:
    """A permuted value is any sample's with the same chance."""
    features, head, other = problem
    for channel in range(5):
        distances = []
        for value in features[:, channel]:
            changed = features.clone()
            changed[:, channel] = value
            distances.append((head.logits(changed) - other).square().mean())
        assert exact_distance(features, head, other)[channel] == pytest.approx(torch.stack(distances).mean().item())


def test_it_finds_the_shared_channels_of_table_2() -> None:
    settings = [table2_setting(*counts) for counts in ((15, 5), (10, 10), (10, 30))]
    runs = [[draw_run(setting, seed, train=200, test=1).teacher for seed in (42, 43)] for setting in settings]
    samples = [sample for row in runs for sample in row]
    first, second, labels = (torch.stack([getattr(item, part) for item in samples]) for part in samples[0]._fields)
    ranking = channel_generality(first, second, labels.long(), training=TRAINING).ranking.reshape(3, 2, -1)
    for setting, rows in zip(settings, ranking, strict=True):
        shared = len(setting.channels("general"))
        found = [len(set(row[:shared].tolist()) & set(setting.channels("general"))) / shared for row in rows]
        assert sum(found) / len(found) >= 0.9


def test_joint_training_descends_the_sum_of_both_tasks_and_the_logits_distance() -> None:
    """Against a plain loop, and problem by problem."""
    generator = stream(3)
    features, other = torch.randn(2, 40, 4, generator=generator), torch.randn(2, 40, 6, generator=generator)
    targets = torch.randint(0, 3, (2, 40), generator=generator)
    training, none = (TRAINING.model_copy(update={"epochs": epochs}) for epochs in (30, 0))
    start = train_jointly(features, other, targets, training=none)
    together = train_jointly(features, other, targets, training=training)
    for index in range(2):
        parts = [part[index].clone().requires_grad_() for head in start for part in head]
        optimizer = torch.optim.SGD(parts, lr=0.01, momentum=0.9)
        for _ in range(training.epochs):
            a, b = F.linear(features[index], *parts[:2]), F.linear(other[index], *parts[2:])
            wanted = targets[index]
            loss = F.cross_entropy(a, wanted) + F.cross_entropy(b, wanted) + F.mse_loss(a, b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for ours, expected in zip([part[index] for head in together for part in head], parts, strict=True):
            torch.testing.assert_close(ours, expected.detach())


def test_channels_are_silenced_by_rank_not_by_index() -> None:
    """The released VGGSound script takes the channels whose index is 256 or more."""
    score = torch.cat([torch.linspace(0, 0.4, 256), torch.linspace(0.5, 1, 256)])
    assert silenced_channels(score, "general", share=0.5).tolist() == list(range(256))
    assert sorted(silenced_channels(score, "specific", share=0.5).tolist()) == list(range(256, 512))
    assert silenced_channels(-score, "general", share=0.25).tolist() == list(range(511, 383, -1))


def test_random_channels_are_all_different() -> None:
    """The released code draws them with replacement."""
    score = torch.zeros(50)
    for seed in range(20):
        chosen = silenced_channels(score, "random", share=0.8, generator=stream(seed))
        assert len(set(chosen.tolist())) == 40


def test_a_regular_teacher_keeps_all_channels_and_shares_are_checked() -> None:
    assert len(silenced_channels(torch.rand(8), "regular", share=0.5)) == 0
    assert len(silenced_channels(torch.rand(100), "general", share=0.29)) == 29
    with pytest.raises(ValueError, match="between 0 and 1"):
        silenced_channels(torch.rand(8), "general", share=1.5)
    with pytest.raises(ValueError, match="need a generator"):
        silenced_channels(torch.rand(8), "random", share=0.5)


def test_silenced_channels_hold_the_training_mean() -> None:
    features, means = torch.arange(6.0).reshape(2, 3), torch.tensor([10.0, 20.0, 30.0])
    assert silence(features, torch.tensor([2, 0]), means).tolist() == [[10, 1, 30], [10, 4, 30]]
    assert features.tolist() == [[0, 1, 2], [3, 4, 5]], "the features given stay as they are"


def test_scores_span_zero_to_one_and_samples_must_be_the_same() -> None:
    sample = draw_run(table2_setting(10, 10), 42, train=100, test=1).teacher
    labels = sample.labels.long()
    score = channel_generality(sample.first, sample.second, labels, training=TRAINING).score
    assert (score.min(), score.max()) == (0, 1)
    with pytest.raises(ValueError, match="the same samples"):
        channel_generality(sample.first, sample.second[:-1], labels, training=TRAINING)
