"""Renderings: numbers as printed, what earns bold, and LaTeX that compiles."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from synthetic_study import METHODS

from msd.tables.names import table_names
from msd.tables.render import as_csv, as_latex, as_markdown, entry, grid, is_earned, number

PUBLISHED = Path(__file__).parents[2] / "results/published"


def cell(method="msd", *, mean=0.8514, low=0.8, high=0.9, n=3, difference=0.05, p_holm=0.01, **more):
    against = {"method": "kd", "difference": difference, "low": 0.01, "high": 0.09, "p": 0.001, "p_holm": p_holm}
    base = {"dataset": "a_b", "method": method, "metric": "accuracy", "split": "test", "mean": mean, "low": low}
    base |= {"high": high, "n": n, "values": {"0": mean}, "selected": "v", "runs": ["r"], "against": against}
    return base | more


def table(*cells):
    return {
        "name": "main",
        "caption": "Scores & more, 100 %.",
        "notes": ["λ_1 ± 2 # {x} ~ ^ \\ ‖ <b>"],
        "layout": {"rows": ["method"], "columns": ["dataset"]},
        "titles": {"dataset": {"a_b": "A_B | C"}, "method": {"msd": "MSD"}, "metric": {"a_b": "accuracy"}},
        "cells": list(cells),
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-0.5, "−0.500"),
        (-0.0001, "0.000"),
        (12.345, "12.35"),
        (123.45, "123.5"),
        (9.9996, "10.000"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_signed_number():
    assert number(0.01, signed=True) == "+0.010"
    assert number(0.0, signed=True) == "0.000"


def test_entry_prints_mean_interval_n_difference_and_p():
    assert entry(cell()).lines == ("0.851 ± 0.050 (n=3)", "+0.050 [0.010, 0.090]", "p = 0.010")
    assert entry(cell(p_holm=0.0002)).lines[-1] == "p < 0.001"


def test_an_undefined_mean_is_a_dash():
    assert entry(cell(mean=None, low=None, high=None, against=None, why="one class")).lines == ("– (n=3)",)


@pytest.mark.parametrize(
    ("change", "bold"),
    [
        ({}, True),
        ({"p_holm": 0.05}, False),
        ({"p_holm": None}, False),
        ({"n": 1}, False),
        ({"difference": -0.05}, False),
        ({"difference": -0.05, "better": "lower"}, True),
        ({"better": "lower"}, False),
        ({"against": None}, False),
    ],
)
def test_bold_is_earned(change, bold):
    assert is_earned(cell(**change)) is bold
    assert ("**" in as_markdown(table(cell(**change)))) is bold
    assert (r"\textbf" in as_latex(table(cell(**change)))) is bold


def test_markdown_escapes_pipes_and_keeps_every_cell_in_its_place():
    text = as_markdown(table(cell("kd", against=None), cell()))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == r"| Method | A_B \| C (accuracy) |"
    assert rows[2].startswith("| kd | 0.851")
    assert rows[3].startswith("| MSD | **0.851 ± 0.050 (n=3)**<br>+0.050")


def test_a_missing_cell_stays_empty():
    other = cell("kd", against=None) | {"dataset": "second"}
    layout = grid(table(cell(), other))
    assert layout.columns == ("A_B | C (accuracy)", "second")
    assert layout.rows[0][1].lines == ()


def test_csv_keeps_full_precision():
    assert "0.8514," in as_csv(table(cell()))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_latex_compiles(tmp_path, reported_study):
    made = sorted((reported_study.root / "results/tiny/tables").glob("*.tex"))
    assert len(made) == len(table_names(list(METHODS)))
    parts = [path.read_text(encoding="utf-8") for path in made] + [as_latex(table(cell(), cell("kd", against=None)))]
    published = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PUBLISHED.glob("*/*.json"))]
    parts += [as_latex(content) for content in published if "layout" in content]
    assert len(parts) > len(made) + 30
    document = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", *parts, r"\end{document}"]
    (tmp_path / "all.tex").write_text("\n".join(document), encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
