"""A study of the Modality Focusing Hypothesis runs by the same entry, with rules of its own."""

from __future__ import annotations

import re

from calls import outputs, success

STUDY = ("--configfile", "config/mfh.yaml", "--nolock")


def test_the_study_makes_its_tables_figures_and_report_and_keeps_every_file() -> None:
    files = outputs(success(*STUDY, "--summary"))
    assert set(files.values()) == {
        *("gaussian", "generality", "resolve", "mfh_tables", "mfh_figures", "mfh_report", "track")
    }
    tables = {f"gaussian_{name}" for name in ("exp1", "exp2", "table2", "generality")}
    wanted = {f"results/mfh/tables/{name}.{form}" for name in tables for form in ("json", "csv", "md", "tex")}
    assert wanted | {"results/mfh/report.html"} <= set(files)
    plan = success(*STUDY, "--dry-run", "--forceall")
    kept = re.findall(r"^rule default:\n    input: (.*)$", plan, flags=re.MULTILINE)
    assert sorted(kept[0].split(", ")) == sorted(files)
    assert all(file.startswith("results/mfh/") for file in files)
