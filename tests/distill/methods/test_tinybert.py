"""Hidden states and attentions against loops written from the formula, and what does not count."""

import pytest
import torch
from by_loops import assert_same_values_and_gradients
from small_study import KD, loss_of, new_engine, new_model, new_setting, new_step
from torch import Tensor, nn

from msd.config.contracts.training import Schedule
from msd.distill.method import method_class
from msd.distill.methods.tinybert import attention_distance, hidden_distance, teacher_layer
from msd.training.descent import train
from msd.training.history import History

OPTIONS = {**KD, "beta": 0.5}
MASK = torch.tensor([[1, 1, 1, 0, 0, 1], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 1]], dtype=torch.float64)
TOKENS = [[0, 1, 2, 5], [0, 1, 2, 3, 4, 5], [0, 1, 5]]


def states(layers: int, width: int, seed: int) -> Tensor:
    """(3, 1 + layers, 6, width)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, layers + 1, 6, width, generator=generator, dtype=torch.float64)


def attentions(layers: int, heads: int, seed: int) -> Tensor:
    """(3, layers, heads, 6, 6)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, layers, heads, 6, 6, generator=generator, dtype=torch.float64).softmax(-1)


@pytest.mark.parametrize(
    ("layers", "deeper", "expected"),
    [(2, 6, [0, 3, 6]), (2, 3, [0, 2, 3]), (2, 1, [0, 1, 1]), (1, 6, [0, 6]), (4, 4, [0, 1, 2, 3, 4])],
)
def test_layers_are_mapped_evenly_and_the_last_to_the_last(layers: int, deeper: int, expected: list[int]) -> None:
    assert [teacher_layer(number, layers, deeper) for number in range(layers + 1)] == expected


def hidden_by_loops(student: Tensor, teacher: Tensor, projections: list[nn.Module]) -> Tensor:
    values = []
    for own, other, tokens in zip(student, teacher, TOKENS, strict=True):
        layers = ((0, 0), (1, 2), (2, 3))
        gaps = [projections[m](own[m, token]) - other[g, token] for m, g in layers for token in tokens]
        values.append(sum(value**2 for gap in gaps for value in gap) / (5 * len(tokens)))
    return torch.stack(values)


def test_hidden_distance_is_the_mean_squared_difference_summed_over_layers() -> None:
    torch.manual_seed(2)
    projections = [nn.Linear(4, 5, bias=False).double() for _ in range(3)]
    assert_same_values_and_gradients(
        lambda s, t: hidden_distance(s.unbind(1), t.unbind(1), MASK, projections=projections),
        lambda s, t: hidden_by_loops(s, t, projections),
        states(2, 4, 0),
        states(3, 5, 1),
    )


def attention_by_loops(student: Tensor, teacher: Tensor) -> Tensor:
    values = []
    for own, other, tokens in zip(student, teacher, TOKENS, strict=True):
        value = 0.0
        for ours, theirs in ((own[0], other[1]), (own[1], other[3])):
            if len(ours) != len(theirs):
                ours, theirs = ours.mean(0, keepdim=True), theirs.mean(0, keepdim=True)
            squares = [(ours - theirs)[head, a, b] ** 2 for head in range(len(ours)) for a in tokens for b in tokens]
            value = value + sum(squares) / len(squares)
        values.append(value)
    return torch.stack(values)


@pytest.mark.parametrize(("heads", "others"), [(2, 2), (2, 6), (1, 3)])
def test_attention_distance_is_over_pairs_of_tokens_heads_averaged_where_they_differ(heads: int, others: int) -> None:
    assert_same_values_and_gradients(
        lambda s, t: attention_distance(s.unbind(1), t.unbind(1), MASK),
        attention_by_loops,
        attentions(2, heads, 0),
        attentions(4, others, 1),
    )


def test_a_student_that_is_its_teacher_has_no_distance_and_padding_does_not_count() -> None:
    hidden, attention = states(2, 4, 0).unbind(1), attentions(2, 2, 0).unbind(1)
    same = [nn.Identity()] * 3
    assert not hidden_distance(hidden, hidden, MASK, projections=same).any()
    assert not attention_distance(attention, attention, MASK).any()
    noise = 100 * (1 - MASK)
    padded = [state + noise[:, :, None] for state in hidden]
    assert not hidden_distance(padded, hidden, MASK, projections=same).any()
    padded = [each + noise[:, None, :, None] + noise[:, None, None, :] for each in attention]
    assert not attention_distance(padded, attention, MASK).any()


def live_setting(**changes):
    teacher = new_model(7, layers=3, width=24, heads=4).eval().requires_grad_(False)
    return new_setting(model=teacher, **changes)


def test_more_padding_in_a_batch_changes_no_sample() -> None:
    method = method_class("tinybert")(OPTIONS, live_setting())
    short = method.setting.samples.lengths.argsort()[:3]
    alone, _ = method.loss(new_step(method, short))
    together, _ = method.loss(new_step(method))
    assert torch.allclose(alone, together[short], rtol=1e-4)


def test_without_beta_it_is_kd_and_otherwise_both_terms_are_added() -> None:
    setting = live_setting()
    plain, _ = loss_of("kd", KD, setting)
    for beta in (0.0, 0.5, 2.0):
        loss, terms = loss_of("tinybert", {**KD, "beta": beta}, setting)
        assert torch.allclose(loss, plain + beta * (terms["hidden"] + terms["attention"]), rtol=1e-5)
        assert terms["hidden"].min() > 0
        assert terms["attention"].min() > 0


def test_gradients_reach_student_and_projections_and_never_the_teacher() -> None:
    setting = live_setting()
    method = method_class("tinybert")(OPTIONS, setting)
    assert {name.split(".")[0] for name, _ in method.named_parameters()} == {"of_embeddings", "of_layers"}
    method.loss(new_step(method))[0].mean().backward()
    assert all(parameter.grad.any() for parameter in method.parameters())
    assert setting.student.encoder.encoder.layer[0].attention.self.query.weight.grad.any()
    assert all(parameter.grad is None for parameter in setting.teacher.model.parameters())


def test_training_changes_nothing_of_the_teacher() -> None:
    setting = live_setting()
    teacher = setting.teacher.model
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    method = method_class("tinybert")(OPTIONS, setting)
    projection = method.of_layers.weight.detach().clone()
    schedule = Schedule(epochs=3, batch_size=4, learning_rate=1e-2, weight_decay=0.01, warmup=0.1, clip=1.0)
    train(method, name="tinybert", schedule=schedule, history=History(), validate=dict, engine=new_engine())
    assert not torch.equal(projection, method.of_layers.weight)
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
