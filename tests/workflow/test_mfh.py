"""A study of the Modality Focusing Hypothesis runs by the same entry, with rules of its own."""

import re
from pathlib import Path

import pytest
import yaml
from calls import PROJECT, hold_against_dvc, outputs, snakemake, success

from msd.mfh.av_mnist.config import ARCHIVE
from msd.mfh.study import load_mfh_study

STUDY = ("--configfile", "config/mfh.yaml", "--nolock")


@pytest.fixture
def msd_study(fresh_project: Path) -> set[str]:
    """Names of the empty files that stand for what the MSD study left."""
    teachers = load_mfh_study(PROJECT / "config/mfh.yaml").teachers
    assert teachers is not None
    encoder = teachers.msd.encoder_configs[teachers.msd.data.text_encoder]
    files = {f"results/data/encoders/{encoder.name}/raw/{encoder.sources[0].file}"}
    for dataset in teachers.datasets:
        data = f"results/data/{dataset}"
        files |= {f"{data}/prepared/{name}" for name in ("train.parquet", "val.parquet", "test.parquet", "labels.json")}
        files |= {
            f"{data}/features/{teachers.msd.extractor(dataset).name}/{name}" for name in ("regions.npy", "spec.json")
        }
        files.add(f"{data}/tokenizer/{encoder.name}/tokenizer.json")
        for teacher in ("seed-0", "seed-1"):
            answers = f"results/{teachers.msd.study}/teachers/{dataset}/{teacher}/outputs"
            files |= {f"{answers}/{split}.safetensors" for split in ("train", "val", "test")}
    for file in files:
        (fresh_project / file).parent.mkdir(parents=True, exist_ok=True)
        (fresh_project / file).write_text("")
    return files


def test_the_study_makes_its_tables_figures_and_report_and_keeps_every_file(
    fresh_project: Path, msd_study: set[str]
) -> None:
    files = outputs(success(*STUDY, "--summary", folder=fresh_project))
    assert set(files.values()) == {
        *("gaussian", "generality", "resolve", "mfh_tables", "mfh_figures", "mfh_report", "track"),
        *("fetch_spoken_digits", "spoken_digits", "av_mnist", "teacher_variants", "unimodal_students"),
    }
    tables = {*(f"gaussian_{name}" for name in ("exp1", "exp2", "table2", "generality")), "av_mnist"}
    tables |= {"predictions", "gain_rank", "variants", "gamma"}
    wanted = {f"results/mfh/tables/{name}.{form}" for name in tables for form in ("json", "csv", "md", "tex")}
    assert wanted | {"results/mfh/report.html", "results/mfh/figures/gain-rank.svg"} <= set(files)
    plan = success(*STUDY, "--dry-run", "--forceall", folder=fresh_project)
    kept = re.findall(r"^rule default:\n    input: (.*)$", plan, flags=re.MULTILINE)
    assert sorted(kept[0].split(", ")) == sorted(files)
    assert all(file.startswith(("results/mfh/", "results/data/spoken-digits/")) for file in files)
    assert "results/mfh/teachers/easy-vqa/seed-1/gamma.safetensors" in files, "every teacher is asked"
    hold_against_dvc(files, "mfh")


def test_the_published_archive_takes_the_place_of_fetched_data(fresh_project: Path, msd_study: set[str]) -> None:
    folder = fresh_project / "archive"
    for name in ARCHIVE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    content = yaml.safe_load((PROJECT / "config/mfh.yaml").read_text())
    content["av_mnist"]["source"] = str(folder)
    study = fresh_project / "config/mfh.yaml"
    study.write_text(yaml.safe_dump(content))
    files = outputs(success("--configfile", str(study), "--nolock", "--summary", folder=fresh_project))
    assert "av_mnist" in files.values()
    assert not {"fetch_spoken_digits", "spoken_digits"} & set(files.values())


def test_a_data_set_whose_folder_is_given_joins_the_study(fresh_project: Path, msd_study: set[str]) -> None:
    given = ("--config", f"crossmodal={{ravdess: {fresh_project}}}")
    files = outputs(success(*STUDY, *given, "--summary", folder=fresh_project))
    assert "crossmodal" in files.values()
    wanted = {f"results/mfh/tables/crossmodal.{form}" for form in ("json", "csv", "md", "tex")}
    assert wanted | {f"results/mfh/crossmodal/ravdess/{name}.json" for name in ("data", "findings")} <= set(files)


def test_every_job_that_trains_on_a_gpu_asks_for_one(fresh_project: Path, msd_study: set[str]) -> None:
    study = fresh_project / "config/mfh.yaml"
    study.write_text(study.read_text().replace("device: cpu", "device: cuda"))
    for rules in fresh_project.glob("workflow/rules/*.smk"):  # a message takes the place of what a job asks for
        rules.write_text(re.sub(r"^    message:\n.*\n", "", rules.read_text(), flags=re.MULTILINE))
    given = ("--config", f"crossmodal={{ravdess: {fresh_project}}}", "--resources", "gpu=2")
    plan = success(*STUDY, *given, "--dry-run", "--forceall", folder=fresh_project)
    asked = re.findall(r"^rule (\w+):\n(?: .*\n)*? +resources: .*\bgpu=1\b", plan, flags=re.MULTILINE)
    assert sorted(asked) == ["av_mnist", "crossmodal", "gaussian"]


def test_without_the_teachers_one_sentence_says_what_makes_them(fresh_project: Path, msd_study: set[str]) -> None:
    (fresh_project / "results/demo/teachers/easy-vqa/seed-1/outputs/val.safetensors").unlink()
    done = snakemake(*STUDY, "--dry-run", folder=fresh_project)
    assert done.returncode != 0
    text = " ".join((done.stdout + done.stderr).split())
    assert "results/demo/teachers/easy-vqa/seed-1/outputs/val.safetensors is not there" in text
    assert "`snakemake --configfile config/demo.yaml outputs_all` makes them" in text
    assert "Traceback" not in text
    made = outputs(success("--summary", "--nolock", "outputs_all", folder=fresh_project))
    assert msd_study <= made.keys(), "that target makes every file that the study reads"
    primary = outputs(success("--summary", "--nolock", "outputs_primary", folder=fresh_project))
    assert msd_study <= primary.keys(), "and so does that of `make reproduce-mfh`"
    assert not [file for file in primary if "clipart-match" in file], "which asks no teacher of a control"


def test_a_study_without_the_section_needs_no_teachers(fresh_project: Path) -> None:
    path = fresh_project / "config/mfh.yaml"
    path.write_text(path.read_text().partition("\n# The hypothesis on the vision-language teachers")[0] + "\n")
    files = outputs(success(*STUDY, "--summary", folder=fresh_project))
    assert "results/mfh/report.html" in files
    assert not {"teacher_variants", "unimodal_students"} & set(files.values())
