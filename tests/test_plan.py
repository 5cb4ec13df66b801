"""`msd plan` says what Snakemake would do, with times that were measured, and refuses what cannot be planned."""

from pathlib import Path

import pytest

from msd.cli import main
from msd.config.study import load_study
from msd.plan import plan

pytestmark = pytest.mark.usefixtures("fresh_project")


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_fresh_study_has_every_job_open_and_no_time_known() -> None:
    study = load_study("config/smoke.yaml")
    once = ["prepare", "tokenizer", "features", "probe", "choose", "cost"]
    once += ["resolve", "tables", "figures", "write_report", "track"]
    once += [f"fetch_{name.replace('-', '_')}" for name in (*study.dataset_configs, *study.encoder_configs)]
    text = plan("config/smoke.yaml")
    jobs = {row[0]: int(row[1]) for row in rows(text) if row[2:] == ["?", "?"]}
    twice = dict.fromkeys(["teacher", "teacher_outputs", "saliency"], 2)
    assert jobs == {**dict.fromkeys(once, 1), **twice, "student": len(study.runs), "collect": len(study.methods)}
    assert f"{sum(jobs.values())} jobs are not in the time of all" in text
    line = "2 teachers, 11 students of 3 methods, 4 configurations and 3 seeds, in 7 jobs"
    assert f"clipart-tags: {line}" in text
    downloads = sum(
        source.bytes
        for config in (*study.dataset_configs.values(), *study.encoder_configs.values())
        for source in config.sources
        if source.kind != "committed"
    )
    assert f"{downloads / 1e6:.1f} MB of them to download" in text
    assert "On disk now: 0.0 MB of data and encoders, 0.0 MB in results/smoke" in text


def test_times_are_means_of_the_study_s_own_benchmarks() -> None:
    for study, seconds in (("smoke", 20), ("demo", 9000)):
        folder = Path(f"results/{study}/benchmarks/teacher")
        folder.mkdir(parents=True)
        for dataset, more in (("clipart-tags", -10), ("emoji-relation", 10)):
            row = f"{seconds + more}\t0:00:00\t{500 + more}"
            (folder / f"{dataset}.tsv").write_text(f"s\th:m:s\tmax_rss\n{row}\n")
    planned = rows(plan("config/smoke.yaml"))
    assert ["teacher", "2", "20", "s", "40", "s", "1.1", "GB,", "10", "min"] in planned
    assert ["student", "7", "?", "?"] in planned
    assert next(row for row in planned if row[:1] == ["all"])[2:] == ["40", "s"]


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        ("smok", "there is no file config/smok.yaml; did you mean 'config/smoke.yaml'?"),
        ("config/smoke.yml", "there is no file config/smoke.yml; did you mean 'config/smoke.yaml'?"),
        ("faulty", "unknown key 'teacher.sedes'; did you mean 'seeds'?"),
        ("smoke", "Snakemake cannot plan config/smoke.yaml: MissingInputException"),
    ],
)
def test_what_cannot_be_planned(capsys: pytest.CaptureFixture[str], study: str, sentence: str) -> None:
    smoke = Path("config/smoke.yaml").read_text()
    Path("config/faulty.yaml").write_text(smoke.replace("seeds:", "sedes:"))
    Path("workflow/report/main.rst").unlink()
    assert main(["plan", "--study", study]) == 1
    reply = capsys.readouterr()
    assert reply.out == ""
    assert reply.err.startswith("msd plan: ")
    assert sentence in reply.err
    assert reply.err.count("\n") == 1
