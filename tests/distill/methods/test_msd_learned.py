"""Learned weights: the step that is taken in training, what is kept of it, and whether they tell good from bad."""

import copy
from dataclasses import replace

import pandas as pd
import pytest
import torch
from small_study import KD, loss_of, new_engine, new_model, new_setting, new_step, rows_of

from msd.config.contracts.training import Schedule
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import Method, Setting, TeacherTargets, method_class
from msd.distill.saliency import modality_saliency
from msd.distill.weight_learning import weighted_loss
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.training.descent import length_batches, train
from msd.training.history import History

OPTIONS = {
    **KD,
    "meta_share": 0.5,
    "meta_samples": 6,
    "meta_every": 1,
    "step_length": 0.01,
    "hidden": 8,
    "meta_learning_rate": 0.01,
}
WEIGHTS = [f"weight/{view}" for view in VIEWS]


def learned(setting: Setting, **changes) -> Method:
    torch.manual_seed(0)
    return method_class("msd_learned")({**OPTIONS, **changes}, setting)


def trained(method: Method, *, epochs: int = 1, batch_size: int = 6, learning_rate: float = 1e-3) -> pd.DataFrame:
    history, sizes = History(), {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    train(
        method,
        name="msd-learned",
        schedule=Schedule(**sizes, weight_decay=0.01, warmup=0.1, clip=1.0),
        history=history,
        validate=dict,
        engine=new_engine(),
    )
    return pd.DataFrame(rows_of(history), columns=["seed", "step", "epoch", "term", "value", "sample"])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_net_descends_the_gradient_through_the_unrolled_virtual_step(task: str, dropout: float) -> None:
    """Adam's first moment after one step of training is a tenth of the net's gradient."""
    setting = replace(new_setting(task=task), student=new_model(3, dropout=dropout))
    student, samples = copy.deepcopy(setting.student).train(), setting.samples
    method = learned(setting)
    rows, held_out = method.training_rows(), method.held_out
    trained(method)
    logits = {}
    for number, view in enumerate(VIEWS):
        torch.manual_seed((setting.stream("dropout") >> 8) + number)
        logits[view] = student(samples.inputs(order := batch_order(setting, rows)), (view,))[view].logits
    teacher = setting.teacher.logits
    divergences = torch.stack([kd_divergence(logits[v], teacher[v][order], temperature=2, task=task) for v in VIEWS], 1)
    weights = torch.ones_like(divergences, requires_grad=True)
    loss = weighted_loss(task_loss(logits["both"], samples.targets[order], task=task), divergences, weights, share=0.7)
    parameters = dict(student.named_parameters())
    gradient = torch.autograd.grad(
        loss.mean(), list(parameters.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    rate = 0.01 / torch.cat([part.flatten() for part in gradient]).norm().detach()
    ahead = {name: value - rate * part for (name, value), part in zip(parameters.items(), gradient, strict=True)}
    judged = torch.func.functional_call(student.eval(), ahead, (samples.inputs(held_out),))["both"].logits
    (unrolled,) = torch.autograd.grad(task_loss(judged, samples.targets[held_out], task=task).mean(), weights)
    slope = 0.5  # of 2·sigmoid at zero, where the net starts
    expected = slope * unrolled.sum(0) / unrolled.abs().mean() / unrolled.numel()
    moment = method.learner.optimiser.state[method.learner.net.last.bias]["exp_avg"]
    assert torch.allclose(moment / 0.1, expected, rtol=1e-3, atol=1e-5)


def batch_order(setting: Setting, rows: torch.Tensor) -> torch.Tensor:
    """The one batch of the first epoch, as the loop draws it."""
    order = torch.Generator().manual_seed(setting.stream("order"))
    (batch,) = length_batches(setting.samples.lengths[rows], batch_size=6, generator=order)
    return rows[batch]


def test_a_moved_step_has_the_dropout_of_its_step() -> None:
    class Compared(Method):
        views = VIEWS

        def loss(self, step):
            parameters = {name: value.detach() for name, value in setting.student.named_parameters()}
            again = step.moved(parameters)
            further = step.moved({name: 1.01 * value for name, value in parameters.items()})
            for view in VIEWS:
                assert torch.equal(step.logits(view), again.logits(view))
                assert not torch.equal(step.logits(view), further.logits(view))
            return task_loss(step.logits("both"), step.targets, task=self.task), {}

    setting = replace(new_setting(), student=new_model(1, dropout=0.5))
    trained(Compared({}, setting))


def test_the_net_is_no_part_of_what_the_student_s_optimiser_trains() -> None:
    method = learned(new_setting())
    assert list(method.parameters()) == []
    before = copy.deepcopy(method.learner.net.state_dict())
    trained(method, epochs=3)
    assert not torch.equal(before["last.weight"], method.learner.net.last.weight)


def test_held_out_samples_are_never_trained_on_and_every_weight_is_kept() -> None:
    method = learned(new_setting())
    history = trained(method, epochs=4, batch_size=4)
    kept = history[history["sample"].notna()]
    assert sorted(kept["term"].unique()) == sorted(WEIGHTS)
    assert set(kept["sample"]) == set(method.training_rows().tolist())
    assert not set(kept["sample"]) & set(method.held_out.tolist())
    assert len(kept) == 4 * 3 * len(method.training_rows())
    assert kept["value"].between(0, 2).all()
    assert kept["value"].nunique() > 20
    other = learned(new_setting(seed=1))
    assert not torch.equal(other.held_out, method.held_out)
    assert torch.equal(learned(new_setting(), **{"lambda": 0.5}).held_out, method.held_out)


@pytest.mark.parametrize(("every", "expected"), [(1, 8), (2, 4), (3, 3), (8, 1)])
def test_the_meta_step_is_taken_every_so_many_steps(every: int, expected: int) -> None:
    history = trained(learned(new_setting(), meta_every=every), epochs=4, batch_size=3)
    assert history["step"].max() == 7
    for view in VIEWS:
        shares = history.loc[history["term"] == f"positive/{view}", "value"]
        assert len(shares) == expected
        assert shares.between(0, 1).all()


def test_without_learning_it_is_msd_with_weights_of_one() -> None:
    method = learned(new_setting(), meta_learning_rate=0.0)
    uniform, _ = loss_of("msd", {**KD, "weighting": "uniform", "strength": 1}, method.setting)
    loss, terms = method.loss(new_step(method, rows := method.training_rows()))
    assert torch.allclose(loss, uniform[rows], rtol=1e-6)
    assert all((terms[name] == 1).all() for name in WEIGHTS)


def test_where_the_teacher_does_not_count_nothing_is_learned() -> None:
    history = trained(learned(new_setting(), **{"lambda": 0.0}), epochs=3)
    assert (history.loc[history["term"].isin(WEIGHTS), "value"] == 1).all()


def test_bad_settings_are_named() -> None:
    for name, value in (("meta_share", 0.51), ("meta_share", 0.009), ("step_length", 0.0)):
        with pytest.raises(ValueError, match=name):
            learned(new_setting(), **{name: value})


CLASSES, WORDS, REGIONS, WIDTH, SAMPLES = 12, 60, 4, 8, 8000


def generated(seed: int) -> tuple[Split, dict[str, torch.Tensor]]:
    """Split whose words and regions both depend on the class, and the exact posteriors given both and either one.

    A text is 3 to 6 words drawn from its class's distribution over `WORDS`, a picture 4 regions around its class's
    point: the best classifier is right for 98 % of the samples, for 86 % of them by the picture alone, for 85 % by
    the text alone. The teacher is that classifier.
    """
    world, drawn = torch.Generator().manual_seed(99), torch.Generator().manual_seed(seed)
    words = (1.5 * torch.randn(CLASSES, WORDS, generator=world)).log_softmax(1)
    points = 0.6 * torch.randn(CLASSES, WIDTH, generator=world)
    classes = torch.randint(0, CLASSES, (SAMPLES,), generator=drawn)
    lengths = torch.randint(3, 7, (SAMPLES,), generator=drawn)
    pieces = torch.multinomial(words.exp()[classes], 6, replacement=True, generator=drawn)
    is_word = torch.arange(6)[None] < lengths[:, None]
    regions = points[classes][:, None] + torch.randn(SAMPLES, REGIONS, WIDTH, generator=drawn)
    tokens = torch.zeros(SAMPLES, 8, dtype=torch.long)
    tokens[:, 0] = 2
    tokens[:, 1:7] = (pieces + 5) * is_word
    tokens[torch.arange(SAMPLES), lengths + 1] = 3
    text = (words.T[pieces] * is_word[:, :, None]).sum(1)
    image = -0.5 * (regions[:, :, None] - points).square().sum((1, 3))
    teacher = {"both": text + image, "image": image, "text": text}
    samples = Split(tokens, lengths + 2, torch.arange(SAMPLES), regions, classes)
    return samples, {view: logits.log_softmax(1) for view, logits in teacher.items()}


def late_weights(shuffled: str, *, seed: int) -> dict[str, float]:
    """Mean weight of each view over the second half of training, the teacher's answers to one view being shuffled."""
    samples, logits = generated(seed)
    logits[shuffled] = logits[shuffled][torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(seed))]
    sizes = {"vocabulary": WORDS + 5, "labels": CLASSES, "region_width": WIDTH, "positions": 8}
    student = new_model(seed, **sizes, layers=1, width=32, feed_forward=64)
    teacher = TeacherTargets(logits, saliency=modality_saliency(logits, task="multiclass"))
    setting = Setting("generated", seed, "multiclass", samples, student, teacher)
    torch.manual_seed(setting.stream("method"))
    points = dict(read_model(MethodConfig, "config/methods/msd-learned.yaml").points)
    method = method_class("msd_learned")({**points["lambda-0.9_temperature-2"], "meta_samples": 256}, setting)
    history = trained(method, epochs=5, batch_size=256, learning_rate=4e-3)
    late = history[history["term"].isin(WEIGHTS) & (history["step"] > history["step"].max() / 2)]
    return late.groupby("term")["value"].mean().to_dict()


def test_a_modality_whose_teacher_is_shuffled_loses_its_weight() -> None:
    text, image = late_weights("text", seed=0), late_weights("image", seed=0)
    assert text["weight/text"] < text["weight/image"] - 0.2
    assert image["weight/image"] < image["weight/text"] - 0.2
    assert text["weight/text"] < image["weight/text"] - 0.2
    assert image["weight/image"] < text["weight/image"] - 0.2
