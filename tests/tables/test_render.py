"""Renderings: numbers as printed, what earns bold, and LaTeX that compiles."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_study import METHODS, TASKS

from msd.tables.cell import Against, Cell, Value
from msd.tables.names import table_names
from msd.tables.render import as_csv, as_latex, as_markdown, entry, grid
from msd.tables.table import Table, read_table

PUBLISHED = Path(__file__).parents[2] / "results/published"


def cell(method="msd", *, dataset="a_b", value=None, difference=0.05, p_holm=0.01, **more):
    value = value or Value(0.8514, 0.8, 0.9, 3, {"0": 0.8514})
    against = Against("kd", difference, 0.01, 0.09, 0.001, p_holm)
    base = {"dataset": dataset, "method": method, "metric": "accuracy", "split": "test", "value": value}
    return Cell(**base | {"selected": "v", "runs": ["r"], "against": against} | more)


def table(*cells):
    return Table(
        name="main",
        caption="Scores & more, 100 %.",
        study="s",
        notes=["λ_1 ± 2 # {x} ~ ^ \\ ‖ <b>"],
        rows=["method"],
        columns=["dataset"],
        titles={"dataset": {"a_b": "A_B | C"}, "method": {"msd": "MSD"}, "metric": {"a_b": "accuracy"}},
        cells=cells,
    )


def test_entry_prints_mean_interval_n_difference_and_p():
    assert entry(cell()).lines == ("0.851 ± 0.050 (n=3)", "+0.050 [0.010, 0.090]", "p = 0.010")
    assert entry(cell(p_holm=0.0002)).lines[-1] == "p < 0.001"


def test_an_undefined_mean_is_a_dash():
    undefined = entry(cell(value=Value(n=3, why="one class"), against=None))
    assert (undefined.lines, undefined.why) == (("– (n=3)",), "one class")


@pytest.mark.parametrize(
    ("change", "bold"),
    [
        ({}, True),
        ({"p_holm": 0.05}, False),
        ({"p_holm": None}, False),
        ({"value": Value(0.8514, n=1)}, False),
        ({"difference": -0.05}, False),
        ({"difference": -0.05, "details": {"better": "lower"}}, True),
        ({"details": {"better": "lower"}}, False),
        ({"against": None}, False),
    ],
)
def test_bold_is_earned(change, bold):
    assert entry(cell(**change)).bold is bold
    assert ("**" in as_markdown(table(cell(**change)))) is bold
    assert (r"\textbf" in as_latex(table(cell(**change)))) is bold


def test_markdown_escapes_pipes_and_keeps_every_cell_in_its_place():
    text = as_markdown(table(cell("kd", against=None), cell()))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == r"| Method | A_B \| C (accuracy) |"
    assert rows[2].startswith("| kd | 0.851")
    assert rows[3].startswith("| MSD | **0.851 ± 0.050 (n=3)**<br>+0.050")


def test_a_missing_cell_stays_empty():
    layout = grid(table(cell(), cell("kd", dataset="second", against=None)))
    assert layout.columns == ("A_B | C (accuracy)", "second")
    assert layout.rows[0][1].lines == ()


def test_csv_keeps_full_precision():
    assert "0.8514," in as_csv(table(cell()))


def test_csv_has_a_column_for_the_teacher_of_each_seed():
    taught = cell(value=Value(0.8514, 0.8, 0.9, 3, {"0": 0.8514}, teachers={"0": "7"}))
    head, *lines = as_csv(table(taught, cell("kd"))).splitlines()
    assert head.endswith(",teacher_0,seed_0")
    assert [line.split(",")[-2:] for line in lines] == [["7", "0.8514"], ["", "0.8514"]]


def test_csv_has_columns_for_what_is_nested_deeper():
    against = Against("kd", 0.05, error=0.1, freedom=2, spread={"seeds": 0.2}, n=3, details={"runs": ["r", "s"]})
    head, line = as_csv(table(replace(cell(), against=against))).splitlines()
    of = dict(zip(head.split(","), line.split(","), strict=True))
    assert (of["against_spread_seeds"], of["against_runs"], of["runs"]) == ("0.2", "r s", "r")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_latex_compiles(tmp_path, reported_study):
    made = sorted((reported_study.root / "results/tiny/tables").glob("*.tex"))
    assert len(made) == len(table_names(list(METHODS), TASKS))
    parts = [path.read_text(encoding="utf-8") for path in made] + [as_latex(table(cell(), cell("kd", against=None)))]
    published = [
        path for path in sorted(PUBLISHED.glob("*/*.json")) if path.stem not in ("record", "metrics", "predictions")
    ]
    parts += [as_latex(read_table(str(path))) for path in published]
    assert len(parts) > len(made) + 30
    document = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", *parts, r"\end{document}"]
    (tmp_path / "all.tex").write_text("\n".join(document), encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
