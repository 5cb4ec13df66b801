"""`<method>+msd`: the auxiliary terms on top of a feature method, in its loss and in its file."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from by_loops import small_setting, step_of

from msd.config.files import MethodConfig
from msd.distill.losses import kd_divergence
from msd.distill.method import method_class

NAMES = ("fitnet", "rkd", "sp", "crd")
ROWS = torch.tensor([3, 0, 7, 1])


def file_of(name: str) -> dict[str, Any]:
    return yaml.safe_load(Path(f"config/methods/{name}.yaml").read_text())


def first_point(name: str) -> tuple[str, dict[str, Any]]:
    config = MethodConfig.model_validate(file_of(name))
    return config.implementation, config.points[0][1]


def loss_of(implementation: str, options: dict[str, Any], task: str):
    torch.manual_seed(5)
    method = method_class(implementation)(options, small_setting(task))
    step = step_of(method, ROWS)
    return method, step, *method.loss(step)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_adds_what_msd_has_and_changes_nothing(name: str) -> None:
    plain, with_msd, msd = file_of(name), file_of(f"{name}+msd"), file_of("msd-instance")
    assert with_msd["implementation"] == plain["implementation"]
    assert with_msd["parameters"].keys() == plain["parameters"].keys() | msd["parameters"].keys()
    assert {key: with_msd["parameters"][key] for key in plain["parameters"]} == plain["parameters"]
    for key in ("weighting", "temperature", "strength"):
        assert with_msd["parameters"][key] == msd["parameters"][key]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_the_plain_one_plus_the_weighted_divergences(name: str, task: str) -> None:
    implementation, options = first_point(f"{name}+msd")
    plain_options = first_point(name)[1]
    _, _, plain, plain_terms = loss_of(implementation, plain_options, task)
    method, step, loss, terms = loss_of(implementation, {**options, "lambda": 0.7, "strength": 2}, task)
    saliency = {modality: values[ROWS] for modality, values in method.teacher.saliency.items()}
    expected = plain
    for modality in ("image", "text"):
        share = saliency[modality] / (saliency["image"] + saliency["text"])
        teacher = method.teacher.logits[modality][ROWS]
        divergence = kd_divergence(step.logits(modality), teacher, temperature=2, task=task)
        expected = expected + 0.7 * 2 * share * divergence
        assert torch.equal(terms[f"kd/{modality}"], divergence)
        assert torch.allclose(terms[f"weight/{modality}"], 2 * share)
    assert torch.allclose(loss, expected)
    assert plain_terms.keys() < terms.keys()
    for term, values in plain_terms.items():
        assert torch.equal(values, terms[term])


@pytest.mark.parametrize("name", NAMES)
def test_strength_zero_gives_the_same_loss_and_gradients_bit_for_bit(name: str) -> None:
    gradients = []
    for file, changes in ((name, {}), (f"{name}+msd", {"strength": 0})):
        implementation, options = first_point(file)
        method, _, loss, _ = loss_of(implementation, {**options, **changes}, "multiclass")
        loss.mean().backward()
        trained = [*method.setting.student.parameters(), *method.parameters()]
        gradients.append([loss.detach(), *(parameter.grad for parameter in trained if parameter.grad is not None)])
    assert len(gradients[0]) == len(gradients[1])
    assert all(torch.equal(plain, added) for plain, added in zip(*gradients, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_trained_beside_the_student_is_the_methods_own(name: str) -> None:
    method = method_class(name)(first_point(name)[1], small_setting())
    owned = {parameter.split(".")[0] for parameter, _ in method.named_parameters()}
    assert owned == {"fitnet": {"projection"}, "crd": {"embed_student", "embed_teacher"}}.get(name, set())
