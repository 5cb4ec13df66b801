"""Stage figures: what is drawn, the same bytes when made twice, and densities that are densities."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_records import write_record

from msd.config.contracts.tables import ReportedMethod
from msd.errors import UserError
from msd.report.densities import density
from msd.report.examples import common, examples, gold, most_salient, said
from msd.report.figures import density_methods, figures
from msd.report.plots import far_below
from msd.report.rule_graph import layers, reduced, rule_graph
from msd.report.sensitivity import lines_of, searched, sensitivity_figure
from msd.report.style import PALETTE, looks
from msd.report.weights import learned_weights, weights_figure
from msd.tables.cell import Value
from msd.tables.comparisons import titles
from msd.tables.names import VIEWS
from msd.tables.results import load_results


def test_all_figures_are_written_and_the_same_twice(in_study):
    first, again = in_study.figures_job(), in_study.figures_job("again")
    assert len(first.outputs) == 28
    slow = [f"{kind}-{name}" for kind in ("densities", "examples") for name in ("match", "tags", "answers")]
    for name in [name for name in again.outputs if name.startswith(("curves", *slow))]:
        del again.outputs[name]
    assert figures(again) == {"figures": 7.0}
    for name, path in first.outputs.items():
        content = Path(path).read_bytes()
        assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml"), name
        assert b"<dc:date>" not in content
        if name in again.outputs:
            assert content == Path(again.outputs[name]).read_bytes(), name


def test_unknown_figure_is_named(in_study):
    job = in_study.figures_job()
    job.outputs["x"] = "results/tiny/figures/curve.svg"
    with pytest.raises(UserError, match="no figure 'curve'; did you mean 'curves'"):
        figures(job)


def test_a_history_that_is_not_declared_is_named(in_study):
    job = in_study.figures_job()
    job.inputs["histories"] = [path for path in job.inputs["histories"] if "match/kd/l0.5" not in path]
    with pytest.raises(UserError, match=r"match/kd/l0\.5/seeds-0-1/history\.parquet"):
        figures(job)


def test_only_a_method_that_ruins_the_student_leaves_the_axis():
    means = {"kd": 0.852, "fitnet": 0.869, "swapped": 0.830, "uniform": 0.853}
    values = {name: Value(mean, mean - 0.01, mean + 0.01, 5) for name, mean in means.items()}
    undefined = Value(by_seed={"0": 0.1, "1": None}, why="f1 is undefined for seed 1")
    assert far_below(values | {"undefined": undefined}) == set()
    ruined = {"shuffled": Value(0.508, 0.500, 0.516, 5), "noise": Value(0.3, 0.29, 0.31, 5)}
    assert far_below(values | ruined) == {"shuffled", "noise"}
    assert far_below({"kd": values["kd"]} | ruined) == set()  # fewer than half leave: no method is the measure of all


def test_learned_weights_come_sample_by_sample(in_study):
    history = in_study.shared_inputs()["histories"]
    frame = learned_weights([path for path in history if "match/msd-instance/c0.5" in path])
    assert len(frame) == 3 * 12 * 3 * 4  # seeds, steps, views, samples
    assert frame.groupby("view")["value"].mean().round(3).to_dict() == {"both": 0.542, "image": 1.0, "text": 1.458}
    with pytest.raises(UserError, match="holds no weights of single samples"):
        learned_weights([path for path in history if "match/kd/l0.5" in path])


def test_weights_of_a_training_of_two_steps_are_drawn():
    """Its last tenth, beside saliency, is its last step."""
    rows = [(step, view, sample, step + 0.1 * sample) for step in (0, 1) for view in VIEWS for sample in range(4)]
    frame = pd.DataFrame(rows, columns=["step", "view", "sample", "value"])
    ranks = dict.fromkeys(("image", "text"), np.arange(4.0))
    figure = weights_figure({"match": frame}, {"match": ranks}, titles={"match": "Match"})
    drawn = [line.get_ydata().tolist() for line in figure.axes[1].get_lines()]
    assert drawn == [pytest.approx([1.0, 1.1, 1.2, 1.3])] * 2


def test_pairs_without_labels_have_weights_and_no_saliency():
    rows = [(0, view, sample, float(sample)) for view in VIEWS for sample in range(7)]
    frame = pd.DataFrame(rows, columns=["step", "view", "sample", "value"])
    ranks = dict.fromkeys(("image", "text"), np.arange(4.0))
    left, right = weights_figure({"match": frame}, {"match": ranks}, titles={"match": "Match"}).axes
    assert [line.get_ydata().tolist() for line in left.get_lines()] == [[3.0]] * 3
    assert [line.get_ydata().tolist() for line in right.get_lines()] == [[0.0, 1.0, 2.0, 3.0]] * 2


def test_density_figures_show_the_best_method_on_validation(in_study):
    job = in_study.figures_job()
    results = load_results(job)["match"]
    assert results.best_on_validation(["msd-instance", "msd-uniform"]) == "msd-uniform"
    assert density_methods(job, results) == ["finetune", "kd", "msd-uniform"]
    job = in_study.figures_job(best_of=[])
    assert density_methods(job, results) == ["finetune", "kd"]


@pytest.mark.parametrize("values", [np.zeros(10), np.linspace(0, 1, 500), np.array([0.5, 2.0])])
def test_a_density_integrates_to_one_and_loses_nothing_at_the_ends(values):
    at, height = density(values, low=0.0, high=1.0, bandwidth=0.03)
    assert height.sum() * (at[1] - at[0]) == pytest.approx(1)
    assert (height >= 0).all()


def test_looks_differ_for_many_methods():
    styles = looks([ReportedMethod(name=f"m{index}", title="") for index in range(20)])
    assert len(set(styles.values())) == 21
    assert styles["m0"].colour == PALETTE[0]


def test_examples_are_the_extremes_each_picture_once():
    saliency = {"image": np.array([5.0, 4.0, 3.0, 0.0, 2.0]), "text": np.array([0.0, 1.0, 3.0, 9.0, 2.5])}
    shown = most_salient(saliency, ["a", "a", "b", "c", "d"])
    assert shown == {"image": [0, 2], "text": [3, 4], "joint": []}
    assert most_salient(saliency, list("abcde"))["joint"] == [4]  # after the pictures of the rows above


def test_answers_are_labels_and_the_most_frequent_of_the_seeds():
    labels = ["cat", "dog", "sun"]
    logits = np.array([0.5, -1.0, 2.0])
    assert said(logits, labels, dataset_task="vqa") == "sun"
    assert said(logits, labels, dataset_task="multilabel") == "cat, sun"
    assert said(-np.ones(3), labels, dataset_task="multilabel") == "none"
    assert gold(np.int64(1), labels) == "dog"
    assert gold(np.array([0.0, 0.3, 1.0]), labels) == "dog, sun"
    assert common(["cat"]) == "cat"
    assert common(["dog", "cat", "cat"]) == "cat (2 of 3 seeds)"


def test_examples_show_what_everybody_answered(in_study):
    job = in_study.figures_job()
    results = load_results(job)["relation"]
    saliency = pd.read_parquet(job.inputs["saliency"][2])
    files = {"prepared": job.inputs["prepared"][2], "titles": {"teacher": "Teacher", "kd": "KD"}}
    first = examples(results, ["kd"], saliency=saliency, **files)[0]
    assert first.kind == "image"
    row = int(np.argmax(saliency["image"]))
    assert first.gold == f"label {results.targets[row]}"
    assert first.answers["Teacher"] == f"label {results.teachers['both']['7'][row].argmax()}"
    assert first.answers["KD"].endswith("of 3 seeds)")
    with pytest.raises(UserError, match="hold different samples"):
        examples(results, ["kd"], saliency=saliency.iloc[::-1], **files)


def test_sensitivity_joins_points_that_differ_in_one_parameter():
    grid = [{"parameters": {"lambda": x, "temperature": t}} for x in (0.9, 0.5) for t in (1, 2)]
    lines = [[point["parameters"] for point in line] for line in lines_of(grid, "lambda")]
    assert lines == [[{"lambda": 0.5, "temperature": t}, {"lambda": 0.9, "temperature": t}] for t in (1, 2)]


def test_sensitivity_shows_the_methods_that_search_the_parameter(in_study):
    job = in_study.figures_job()
    results = load_results(job)
    assert [name for name in results["match"].methods if searched(results["match"], name)] == ["kd", "msd-instance"]
    styles = looks(job.params.methods)
    figure = sensitivity_figure(results, "share", titles=titles(job.params), styles=styles)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["KD", "MSD, instance"]
    with pytest.raises(UserError, match="no method of the study searches 'temperature'"):
        sensitivity_figure(results, "temperature", titles=titles(job.params), styles=styles)


def test_sensitivity_tells_the_lines_of_one_method_apart(in_study):
    job = in_study.figures_job()
    results = load_results(job)
    for of_dataset in results.values():
        content = of_dataset.methods["kd"].content
        content["variants"] = [
            variant | {"parameters": variant["parameters"] | {"temperature": temperature}}
            for temperature in (1, 4)
            for variant in content["variants"]
        ]
    styles = looks(job.params.methods)
    figure = sensitivity_figure(results, "share", titles=titles(job.params), styles=styles)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["KD, T = 1", "KD, T = 4", "MSD, instance"]
    assert len({line.get_linestyle() for line in legend.get_lines()[:2]}) == 2


def test_the_rule_graph_drops_what_follows_and_stacks_the_rest():
    graph = {"fetch": set(), "prepare": {"fetch"}, "probe": {"prepare"}, "teacher": {"prepare", "fetch"}}
    graph |= {"student": {"teacher", "prepare"}, "tables": {"student", "probe"}, "resolve": set()}
    graph["report"] = {"tables", "resolve", "fetch"}
    drawn = reduced(graph)
    assert drawn["teacher"] == {"prepare"}
    assert drawn["student"] == {"teacher"}
    assert drawn["report"] == {"tables", "resolve"}
    rows = [set(row) for row in layers(drawn)]
    assert rows[:2] == [{"fetch"}, {"prepare"}]
    assert rows[3] == {"student", ("probe", "tables")}  # the arrow from probe passes beside the student
    assert rows[4] == {"tables", "resolve"}
    assert rows[5] == {"report"}


def test_the_rule_graph_is_read_from_the_records(in_study):
    records = in_study.report_job().inputs["records"]
    graph, jobs = rule_graph(records, last="report", read=["results/tiny/tables/main.json"])
    assert graph["report"] == {"tables"}
    assert graph["student"] == {"prepare", "teacher_outputs", "saliency"}
    assert (jobs["student"], jobs["collect"], jobs["report"]) == (4 * 6 * 2, 4 * 4, 1)


def test_students_of_a_chosen_point_stand_apart_from_those_that_chose_it(working_folder):
    for folder in ("searched", "choice", "later"):
        Path(folder).mkdir()
        Path(folder, "file").write_text(folder)
    write_record("student", "searched", outputs=["searched/file"], variant="lambda-0.5")
    write_record("choose", "choice", inputs=["searched/file"], outputs=["choice/file"])
    write_record("student", "later", inputs=["choice/file"], outputs=["later/file"], variant="chosen")
    records = [f"{folder}/record.json" for folder in ("searched", "choice", "later")]
    graph, _ = rule_graph(records, last="report", read=["later/file"])
    assert reduced(graph) == {
        "student": set(), "choose": {"student"}, "chosen student": {"choose"}, "report": {"chosen student"}
    }  # fmt: skip
