"""Which jobs an edit of a module runs again: those whose results depend on it, and no others."""

import shutil
from collections.abc import Callable

import pytest

from msd.job import STAGES
from msd.lineage.digest import PACKAGE, code_digest

ENTRIES = {stage: [function.partition(":")[0]] for stage, (function, _) in STAGES.items()}


def with_plugins(stage: str, folder: str, package: str) -> dict[str, list[str]]:
    """ "<stage>/<plugin>" -> the modules of a job with that plugin, for the modules of a folder."""
    names = sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if path.stem != "__init__")
    return {f"{stage}/{name}": [*ENTRIES[stage], f"{package}.{name}"] for name in names}


READERS = with_plugins("prepare", "data/readers", "msd.data.readers")
METHODS = with_plugins("student", "distill/methods", "msd.distill.methods")
JOBS = ENTRIES | READERS | METHODS
del JOBS["prepare"], JOBS["student"]
TRAININGS = {"teacher", "teacher_outputs", "saliency", "teacher_variants", "unimodal_students", *METHODS}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., set[str]]:
    """A function: the jobs whose digest changes with a line at the end of a module; the module is put back."""
    package = tmp_path_factory.mktemp("copy") / "msd"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "committed"))

    def digests() -> dict[str, str]:
        return {job: code_digest(modules, package=package) for job, modules in JOBS.items()}

    before = digests()

    def change(module: str, line: str = "EDITED = True") -> set[str]:
        path = package / module
        saved = path.read_text()
        path.write_text(f"{saved}\n{line}\n")
        try:
            after = digests()
        finally:
            path.write_text(saved)
        return {job for job in JOBS if after[job] != before[job]}

    return change


@pytest.mark.parametrize(
    ("module", "jobs"),
    [
        ("data/download.py", {"fetch"}),
        ("data/readers/easy_vqa.py", {"prepare/easy_vqa"}),
        ("training/teacher.py", {"teacher"}),
        ("training/descent.py", {"teacher", *METHODS}),
        (
            "system/processor.py",  # which instructions are asked for
            {"features", "probe", "cost", "gaussian", "av_mnist", "crossmodal", "mfh_tables", *TRAININGS}
            - {"saliency"},
        ),
    ],
)
def test_an_edit_of_a_module_runs_what_depends_on_it(changed, module: str, jobs: set[str]) -> None:
    assert changed(module) == jobs


@pytest.mark.parametrize("module", sorted(path.name for path in (PACKAGE / "tables").glob("[!_]*.py")))
def test_an_edit_of_the_tables_trains_and_measures_no_model_again(changed, module: str) -> None:
    assert not changed(f"tables/{module}") & TRAININGS


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_edit_of_a_method_trains_its_students_and_those_of_its_variations(changed, method: str) -> None:
    name = method.removeprefix("student/")
    variations = {"kd": {"kd_shuffled", "kd_uniform"}, "msd": {"msd_swapped", "views_both", "views_task"}}
    expected = {name, *variations.get(name, ())}
    assert changed(f"distill/methods/{name}.py") == {f"student/{one}" for one in expected}


def test_an_edit_of_a_prepared_table_s_reader_prepares_and_fetches_nothing(changed) -> None:
    assert not changed("data/prepared_table.py") & {"fetch", "tokenizer", "features", *READERS}


def test_imports_for_type_checkers_do_not_count(changed) -> None:
    block = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from msd.report import page"
    with_block = changed("training/saliency.py", block)
    assert with_block == {"saliency"}, "the import of TYPE_CHECKING itself counts"
    assert changed("config/contracts/data.py") & {"teacher", "saliency", "fetch"} == set()
