"""CRD: the loss against the probabilities of the formula, the draws, the banks and their constant."""

import math

import pytest
import torch
from by_loops import assert_same_values_and_gradients, matrix
from faults import one_sentence
from small_study import SIZE, new_setting, new_step

from msd.distill.methods.crd import CRD, contrast_loss

OPTIONS = {"beta": 0.8, "width": 4, "negatives": 5, "contrast_temperature": 0.07, "momentum": 0.5}
ROWS = torch.tensor([3, 0, 7, 1])


def by_loops(similarities: torch.Tensor, *, z: float, temperature: float, samples: int) -> torch.Tensor:
    """Of every anchor: −log h for the positive, −log(1 − h) for each negative, h = p / (p + K/N)."""
    values = []
    for row in similarities:
        noise = (len(row) - 1) / samples
        loss = torch.zeros((), dtype=similarities.dtype)
        for number, similarity in enumerate(row):
            p = (similarity / temperature).exp() / z
            h = p / (p + noise)
            loss = loss - (h if number == 0 else 1 - h).log()
        values.append(loss)
    return torch.stack(values)


@pytest.mark.parametrize("z", [3.0, 4e3])
def test_values_and_gradients_are_those_of_the_formula(z: float) -> None:
    similarities = matrix(1, 3, 6).tanh() / 5
    settings = {"temperature": 0.07, "samples": 40}
    assert_same_values_and_gradients(
        lambda s, _: contrast_loss(s, log_z=torch.tensor(math.log(z), dtype=torch.float64), **settings),
        lambda s, _: by_loops(s, z=z, **settings),
        similarities,
        similarities,
    )


def test_extreme_similarities_stay_finite() -> None:
    similarities = torch.tensor([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]], requires_grad=True)
    values = contrast_loss(similarities, log_z=torch.tensor(0.0), temperature=1e-3, samples=10)
    values.sum().backward()
    assert torch.isfinite(values).all()
    assert torch.isfinite(similarities.grad).all()
    assert values[1] < 1e-6 < values[0]


def test_the_contrast_is_in_single_precision_whatever_the_model_computes_in() -> None:
    anchors, candidates = matrix(2, 4, OPTIONS["width"]).float(), torch.arange(4 * 6).reshape(4, 6) % SIZE
    losses = []
    for enabled in (False, True):
        bank = CRD(OPTIONS, new_setting()).student_bank
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            losses.append(bank.contrast(anchors, candidates))
    assert torch.equal(*losses)


def test_banks_that_the_memory_has_no_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10 million samples: the system would end the process without a word."""
    setting = new_setting()
    monkeypatch.setattr(type(setting.samples), "__len__", lambda _: 10**7)
    with one_sentence(
        "^the embeddings of 10,000,000 samples in 65,536 numbers, .* need 10,485.8 GB.*; give crd a smaller"
    ):
        CRD({**OPTIONS, "width": 65_536}, setting)


def test_a_step_is_the_formula_on_the_banks_before_it() -> None:
    method = CRD(OPTIONS, new_setting())
    banks = {"student": method.student_bank.rows.clone(), "teacher": method.teacher_bank.rows.clone()}
    step = new_step(method, ROWS)
    embedded = {
        "student": step.features("both") @ method.embed_student.weight.T + method.embed_student.bias,
        "teacher": method.teacher.features["both"][ROWS] @ method.embed_teacher.weight.T + method.embed_teacher.bias,
    }
    state = method.generator.get_state()
    candidates = method.candidates(ROWS)
    method.generator.set_state(state)
    loss, terms = method.loss(step)
    for network, other in (("student", "teacher"), ("teacher", "student")):
        anchors = embedded[network] / embedded[network].square().sum(1, keepdim=True).sqrt()
        similarities = torch.stack(
            [torch.stack([anchors[b] @ banks[other][row] for row in candidates[b]]) for b in range(len(ROWS))]
        )
        z = (similarities / 0.07).exp().mean().item() * SIZE
        expected = by_loops(similarities, z=z, temperature=0.07, samples=SIZE)
        assert torch.allclose(terms[f"crd/{network}"], expected, rtol=1e-4)
        moved = 0.5 * banks[network][ROWS] + 0.5 * anchors
        bank = getattr(method, f"{network}_bank").rows
        assert torch.allclose(bank[ROWS], moved / moved.square().sum(1, keepdim=True).sqrt(), atol=1e-6)
        rest = [row for row in range(SIZE) if row not in ROWS]
        assert torch.equal(bank[rest], banks[network][rest])
        assert not bank.requires_grad
    assert torch.allclose(loss, terms["task"] + 0.8 * (terms["crd/student"] + terms["crd/teacher"]))
    loss.mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in method.parameters())


def test_the_constant_is_that_of_the_first_batch() -> None:
    method = CRD(OPTIONS, new_setting())
    method.loss(new_step(method, ROWS))
    first = method.student_bank.log_z.clone(), method.teacher_bank.log_z.clone()
    method.loss(new_step(method, ROWS + 4))
    assert (method.student_bank.log_z, method.teacher_bank.log_z) == first


def test_negatives_are_all_other_samples_and_never_the_sample_itself() -> None:
    method = CRD({**OPTIONS, "negatives": 400}, new_setting())
    candidates = method.candidates(ROWS)
    assert candidates.shape == (4, 401)
    assert torch.equal(candidates[:, 0], ROWS)
    for row, drawn in zip(ROWS.tolist(), candidates[:, 1:], strict=True):
        assert set(drawn.tolist()) == set(range(SIZE)) - {row}


def test_draws_depend_on_the_seed_of_the_replicate_alone() -> None:
    drawn = []
    for seed, elsewhere in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(elsewhere)
        method = CRD(OPTIONS, new_setting(seed=seed))
        torch.manual_seed(elsewhere)
        drawn.append((method.candidates(ROWS), method.student_bank.rows, method.teacher_bank.rows))
    assert all(torch.equal(first, second) for first, second in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(first, other) for first, other in zip(drawn[0], drawn[2], strict=True))


def test_a_single_sample_and_features_of_zero_stay_finite() -> None:
    method = CRD(OPTIONS, new_setting())
    for parameter in method.parameters():
        parameter.data.zero_()
    for _ in range(2):
        loss, _ = method.loss(new_step(method, ROWS[:1]))
        loss.mean().backward()
        assert torch.isfinite(loss).all()
        assert all(torch.isfinite(parameter.grad).all() for parameter in method.parameters())
