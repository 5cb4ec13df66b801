"""`msd plan` says what Snakemake would do, with times that were measured, and refuses what cannot be planned."""

import json
from pathlib import Path

import pytest
import yaml

from msd.cli import main
from msd.config.study import load_study
from msd.planning.plan import plan

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


def test_region_features_are_priced_by_the_pictures_that_are_known() -> None:
    smoke = yaml.safe_load(Path("config/smoke.yaml").read_text())
    smoke["datasets"] = {
        "clipart-tags": {},
        "vqa-v2": {"extractor": "mmf-coco"},
        "easy-vqa": {"extractor": "resnet-152"},
    }
    Path("config/smoke.yaml").write_text(yaml.safe_dump(smoke))
    planned = plan("config/smoke.yaml")
    own = sum(yaml.safe_load(Path("config/datasets/easy-vqa.yaml").read_text())["prepare"]["pictures"].values())
    boxes, grid = 123287 * 100 * 2048 * 2, own * 7**2 * 2048 * 2
    lines = [line.split() for line in planned.splitlines()]
    shown = {row[0]: float(row[1].replace(",", "")) for row in lines if row[2:3] == ["MB"] and "regions" in row}
    assert shown == {"vqa-v2": round(boxes / 1e6, 1), "easy-vqa": round(grid / 1e6, 1)}
    assert f"Region features, {(boxes + grid) / 1e6:,.1f} MB as far as" in planned
    assert "clipart-tags                       ? efficientnet-lite0: its pictures are counted when" in planned
    Path("results/data/clipart-tags/prepared").mkdir(parents=True)
    metrics = {"pictures/train": 7.0, "pictures/val": 2.0, "pictures/test": 1.0}
    Path("results/data/clipart-tags/prepared/metrics.json").write_text(json.dumps(metrics))
    assert "0.4 MB efficientnet-lite0: 10 pictures (prepared) × 16 regions × 1280 × 2 bytes" in plan(
        "config/smoke.yaml"
    )


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
