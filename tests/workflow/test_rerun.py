"""What an edit, a lost file or a changed study makes run again: exactly what depends on it.

The project's results are complete but empty of sense (conftest.py), and `msd sync` has told Snakemake that they are made
by the present rules. The tests look at which jobs Snakemake would run next.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import planned, snakemake, success

from msd.lineage.sync import sync

STUDY = ("--configfile", "config/smoke.yaml")
RESOLVE = "Write down the study with everything it names"
OF_MODELS = [
    "Fit logistic regression on the frozen features of clipart-tags",
    "Measure size, arithmetic and time of teacher and student of clipart-tags",
    *(
        message.format(seed)
        for seed in ("seed-0", "seed-1")
        for message in (
            "Fine-tune a teacher of clipart-tags ({})",
            "Ask a teacher of clipart-tags ({}) for its answers to image and text, image alone, text alone",
            "Measure how much each prediction on clipart-tags ({}) depends on image and on text",
        )
    ),
]
POINTS = {"finetune": ["default"], "kd": ["lambda-0.5", "lambda-0.9"], "msd-instance": ["default"]}
CHOOSE = "Choose the point of kd on clipart-tags that all its seeds train"
END = ["Make the tables", "Draw the figures", "Write the report", "Import what is new into MLflow"]


@pytest.fixture(scope="module")
def finished(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "project"
    shutil.copytree(made, folder)
    with contextlib.chdir(folder):
        sync()
    (folder / "results/smoke/logs/tracked").touch()
    return folder


@pytest.fixture
def project(finished: Path) -> Iterator[Path]:
    """The finished project; what a test changes is put back, with its time."""
    saved = finished.with_name("saved")
    shutil.copytree(finished, saved)
    yield finished
    shutil.rmtree(finished)
    saved.rename(finished)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path} has no longer one {old!r}"
    path.write_text(text.replace(old, new))


def next_jobs(project: Path) -> list[str]:
    return planned(success(*STUDY, "--dry-run", folder=project))


def of_method(method: str) -> list[str]:
    points = POINTS[method]
    searched = [f"Train {method} ({point}, seeds-0-1) on clipart-tags" for point in points]
    rest = "chosen" if len(points) > 1 else points[0]
    trained = [*searched, f"Train {method} ({rest}, seeds-2-2) on clipart-tags"]
    end = [
        *([CHOOSE] if len(points) > 1 else []),
        f"Choose the configuration of {method} on clipart-tags by validation",
    ]
    return [*trained, *end]


def test_comments_docstrings_and_new_times_run_nothing(project: Path) -> None:
    kd = project / "msd/distill/methods/kd.py"
    replace(kd, '"""Knowledge distillation', '"""The oldest form of knowledge distillation')
    replace(kd, "        share,", "        # λ of the formula\n\n        share,")
    (project / "results/data/clipart-tags/prepared/train.parquet").touch()
    assert next_jobs(project) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "jobs"),
    [
        ("msd/distill/methods/kd.py", "(1 - share) * task", "(2 - share) * task", of_method("kd")),
        (
            *("msd/models/visualbert.py", "text * image)", "text * image * 2)"),
            [*OF_MODELS, *(message for method in POINTS for message in of_method(method))],
        ),
        (
            *("config/smoke.yaml", "msd-instance: {lambda: 0.9,", "msd-instance: {lambda: 0.8, # a remark\n   "),
            [*of_method("msd-instance"), RESOLVE],
        ),
    ],
    ids=["a method", "the models: no data", "a parameter"],
)
def test_an_edit_runs_what_depends_on_it(project: Path, file: str, old: str, new: str, jobs: list[str]) -> None:
    replace(project / file, old, new)
    assert next_jobs(project) == sorted([*jobs, *END])


def test_lost_students_are_trained_again_with_their_cell_and_the_tables(project: Path) -> None:
    """So that a table's n is never that of seeds which are gone."""
    shutil.rmtree(project / "results/smoke/students/clipart-tags/msd-instance/default/seeds-0-1")
    trained, _, collected = of_method("msd-instance")
    assert next_jobs(project) == sorted([trained, collected, *END])


def test_a_later_seed_leaves_the_full_jobs_of_earlier_seeds_alone(project: Path) -> None:
    smoke = project / "config/smoke.yaml"
    smoke.write_text(smoke.read_text().replace("\nseeds: 3\n", "\nseeds: 5\n"))
    trainings = [message for message in next_jobs(project) if message.startswith(("Fine-tune", "Train"))]
    points = {"finetune": "default", "kd": "chosen", "msd-instance": "default"}
    assert trainings == [
        f"Train {method} ({point}, {block}) on clipart-tags"
        for method, point in points.items()
        for block in ("seeds-2-3", "seeds-4-4")
    ]


def test_a_lost_file_that_nothing_reads_comes_back_and_a_new_caption_only_writes_the_report(project: Path) -> None:
    (project / "results/smoke/probes/clipart-tags/metrics.json").unlink()
    caption = project / "workflow/report/main.rst"
    caption.write_text(caption.read_text() + "And one more sentence.\n")
    assert next_jobs(project) == sorted([OF_MODELS[0], *END])


@pytest.mark.parametrize(
    "file", [*(f"msd/report/templates/report.{kind}" for kind in ("html.j2", "css", "js")), "CITATION.cff"]
)
def test_what_only_the_page_shows_only_writes_the_report(project: Path, file: str) -> None:
    path = project / file
    path.write_text(path.read_text() + "\n")
    assert next_jobs(project) == sorted(END[2:])


def test_a_job_finds_the_python_that_runs_snakemake(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to activate .venv."""
    folder = project / "results/smoke/config"
    shutil.rmtree(folder)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    success(str((folder / "study.yaml").relative_to(project)), *STUDY, folder=project)
    assert "study: smoke" in (folder / "study.yaml").read_text()
    log = (project / "results/smoke/logs/resolve/resolve.log").read_text()
    assert log.startswith("# by hand: python -m msd stage resolve")
    assert (project / "results/smoke/benchmarks/resolve/resolve.tsv").exists()


def test_snakemake_s_own_report_has_every_table_and_figure_with_its_caption(project: Path) -> None:
    success("--report", "report.html", *STUDY, folder=project)
    page = (project / "report.html").read_text()
    kinds = ("main", "curves", "densities", "saliency", "examples", "rules")
    for kind in ("workflow", "tables", *kinds, "report"):
        first_line = (project / f"workflow/report/{kind}.rst").read_text().splitlines()[0]
        assert first_line in page, kind
    for name in ("tables/teacher.csv", "figures/examples-clipart-tags.svg", "figures/rules.png", "report.html"):
        assert f"results/smoke/{name}" in page


def test_a_copy_of_a_study_takes_its_results_only_when_told_so(project: Path) -> None:
    copy = str(shutil.copy(project / "config/smoke.yaml", project / "copy.yaml"))
    refused = snakemake("--configfile", copy, "--dry-run", folder=project)
    assert refused.returncode != 0
    assert f"{copy}: results/smoke holds the results of config/smoke.yaml; give this study another" in refused.stdout
    told = success("--configfile", copy, "--config", "overwrite=true", "--dry-run", folder=project)
    assert planned(told) == sorted([RESOLVE, "Write the report", "Import what is new into MLflow"])
