"""Which jobs an edit of a module runs again: those whose results depend on it, and no others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from msd.job import STAGES
from msd.lineage.digest import PACKAGE, code_digest

ENTRIES = {stage: [target.partition(":")[0]] for stage, target in STAGES.items()}


def with_plugins(stage: str, folder: str, package: str) -> dict[str, list[str]]:
    """ "<stage>/<plugin>" -> the modules of a job with that plugin, for the modules of a folder."""
    names = sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if path.stem != "__init__")
    return {f"{stage}/{name}": [*ENTRIES[stage], f"{package}.{name}"] for name in names}


READERS = with_plugins("prepare", "data/readers", "msd.data.readers")
METHODS = with_plugins("student", "distill/methods", "msd.distill.methods")
JOBS = {
    **{stage: modules for stage, modules in ENTRIES.items() if stage not in ("prepare", "student")},
    **READERS,
    **METHODS,
}
TRAININGS = {"teacher", "teacher_outputs", "saliency", "teacher_variants", "unimodal_students", *METHODS}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = tmp_path_factory.mktemp("copy") / "msd"
    for path in PACKAGE.rglob("*.py"):
        target = package / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return package


@pytest.fixture(scope="module")
def before(copied: Path) -> dict[str, str]:
    return digests(copied)


def digests(package: Path) -> dict[str, str]:
    return {job: code_digest(modules, package=package) for job, modules in JOBS.items()}


@pytest.fixture
def changed(copied: Path, before: dict[str, str]) -> Callable[..., set[str]]:
    """A function: the jobs whose digest changes with a line at the end of a module; the module is put back."""

    def change(module: str, line: str = "EDITED = True") -> set[str]:
        path = copied / module
        saved = path.read_text()
        path.write_text(f"{saved}\n{line}\n")
        try:
            after = digests(copied)
        finally:
            path.write_text(saved)
        return {job for job in JOBS if after[job] != before[job]}

    return change


def test_an_edit_of_downloading_prepares_nothing_again(changed) -> None:
    assert changed("data/download.py") == {"fetch"}


@pytest.mark.parametrize("module", sorted(path.name for path in (PACKAGE / "tables").glob("[!_]*.py")))
def test_an_edit_of_the_tables_trains_and_measures_no_model_again(changed, module: str) -> None:
    assert not changed(f"tables/{module}") & TRAININGS


def test_an_edit_of_finetune_trains_its_students_alone(changed) -> None:
    assert changed("distill/methods/finetune.py") == {"student/finetune"}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_edit_of_a_method_trains_its_students_and_those_of_its_variations(changed, method: str) -> None:
    name = method.removeprefix("student/")
    variations = {"kd": {"kd_shuffled", "kd_uniform"}, "msd": {"msd_swapped", "views_both", "views_task"}}
    expected = {name, *variations.get(name, ())}
    assert changed(f"distill/methods/{name}.py") == {f"student/{one}" for one in expected}


def test_an_edit_of_the_teacher_s_stage_trains_teachers_alone(changed) -> None:
    assert changed("training/teacher.py") == {"teacher"}


def test_an_edit_of_the_training_loop_trains_every_model_of_the_grid(changed) -> None:
    assert changed("training/loop.py") == {"teacher", *METHODS}


def test_an_edit_of_a_prepared_table_s_reader_prepares_and_fetches_nothing(changed) -> None:
    assert not changed("data/prepared_table.py") & {"fetch", "tokenizer", "features", *READERS}


def test_an_edit_of_a_data_set_s_reader_prepares_that_data_set(changed) -> None:
    assert changed("data/readers/easy_vqa.py") == {"prepare/easy_vqa"}


def test_imports_for_type_checkers_do_not_count(changed) -> None:
    block = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from msd.report import page"
    with_block = changed("training/saliency.py", block)
    assert with_block == {"saliency"}, "the import of TYPE_CHECKING itself counts"
    assert changed("config/contracts/data.py") & {"teacher", "saliency", "fetch"} == set()
