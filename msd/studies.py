"""Any study file: the key `kind` says which model reads it, a study without one is of MSD."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from msd.config.contracts.training import EngineParams
from msd.config.files import MethodConfig, named_file
from msd.config.names import check_owner
from msd.config.strict import Scalar
from msd.config.study import Study, load_study
from msd.config.yaml_file import first_fault, read_yaml, sentence, validated
from msd.errors import UserError, nearest
from msd.mfh.study import MfhStudy, load_mfh_study

if TYPE_CHECKING:
    from msd.distill.method import Method

AnyStudy = Study | MfhStudy
KINDS = ("mfh",)
RESULTS = Path("results")


def read_study(path: str | Path, overrides: dict[str, Any] | None = None) -> AnyStudy:
    """Read and validate a study file, as `open_study`, but for what only the code of methods and readers knows."""
    kind = {**read_yaml(path), **(overrides or {})}.get("kind")
    if kind is None:
        return load_study(path, overrides)
    if kind not in KINDS:
        raise UserError(f"{path}: there is no kind of study {kind!r}{nearest(str(kind), list(KINDS))}")
    return load_mfh_study(path, overrides)


def open_study(path: str | Path, overrides: dict[str, Any] | None = None) -> AnyStudy:
    """Read, validate and check a study file; `overrides` replace its top-level keys.

    Raises:
        UserError: one sentence that names file, line, key and the nearest valid name.
    """
    study = read_study(path, overrides)
    for distillation in (*study.trains, *study.reads):
        check_methods(distillation)
    for one in (study, *study.reads):
        check_prepare(one)
    return study


def folder_of(study: AnyStudy, name: str) -> Path:
    """Where what is fetched and made of a dataset, encoder or model of a study lies."""
    kind = "" if name in study.datasets else "encoders" if name in study.encoder_configs else "models"
    return RESULTS / "data" / kind / name


def check_owners(study: AnyStudy) -> None:
    """Raise UserError where the results that the study would write or read are those of another study file."""
    for one in (study, *study.reads):
        check_owner(one)


def check_prepare(study: AnyStudy) -> None:
    """Hold `prepare` of the datasets' files against the class `Parameters` of their readers.

    Raises:
        UserError: no such reader, or a parameter that is missing, unknown, of a wrong type or out of range.
    """
    readers = study.readers
    for name, config in study.dataset_configs.items():
        path, module = named_file("datasets", name), config.reader
        if importlib.util.find_spec(f"{readers}.{module}") is None:
            raise UserError(f"{path}: there is no reader {readers.replace('.', '/')}/{module}.py of its raw files")
        reader = importlib.import_module(f"{readers}.{module}")
        if not hasattr(reader, "Parameters") or not hasattr(reader, "prepare"):
            raise UserError(f"{path}: module: {module} only helps readers; name one that has Parameters and prepare")
        validated(reader.Parameters, config.prepare, path, ("prepare",))


def check_methods(study: Study) -> None:
    """Hold the methods' files, and what the study changes in them, against the methods' code.

    Raises:
        UserError: no such method, an option that is missing, unknown, of a wrong type or out of range.
    """
    from msd.distill.method import method_class  # loads torch, which reading a study does not need

    for name, config in study.method_configs.items():
        path = named_file("methods", name)
        try:
            method = method_class(config.implementation)
        except UserError as error:
            raise UserError(f"{path}: implementation: {error}") from error
        if method.live_teacher and config.teacher != "model":
            raise UserError(f"{path}: {config.implementation} runs the teacher, and needs `teacher: model`")
        for dataset, other in study.cell_configs:
            if other == name:
                for _, values in study.points(dataset, name):
                    _check_options(study, dataset, name, values)
                _check_engine(study.engine_of("student", dataset), name, method)
    scratch = study.report.from_scratch
    if study.method_configs[scratch].implementation != "finetune":
        raise UserError(f"{study.file}: report.from_scratch: {scratch!r} has a teacher; name a method of fine-tuning")
    learned = study.report.learned
    if learned is not None and not _learns_weights(study.method_configs[learned]):
        known = [name for name, config in study.method_configs.items() if _learns_weights(config)]
        raise UserError(f"{study.file}: report.learned: {learned!r} learns no weights{nearest(learned, known)}")
    if learned is not None and all(name != learned for _, name in study.cell_configs):
        raise UserError(f"{study.file}: report.learned: no dataset runs {learned!r}; add it to the methods of one")


def _check_engine(engine: EngineParams, name: str, method: type[Method]) -> None:
    """Refuse an engine that splits the batches of a method whose loss needs whole ones."""
    splits = {
        "accumulate": engine.accumulate > 1 and method.batch_is != "apart",
        "processes": engine.processes > 1 and method.batch_is == "whole",
        "compile": engine.compile and method.batch_is == "whole",
    }
    for key, does in splits.items():
        if does:
            raise UserError(
                f"engine.{key}: {name} needs its batches whole; set it for the teacher alone, in `teacher.engine`"
            )


def _learns_weights(config: MethodConfig) -> bool:
    from msd.distill.method import method_class

    return any(term.startswith("weight/") for term in method_class(config.implementation).kept)


def _check_options(study: Study, dataset: str, name: str, values: dict[str, Scalar]) -> None:
    """One point of a method's grid; a fault is of the study where the study gives that value, else of the file."""
    from msd.distill.method import method_class

    options = method_class(study.method_configs[name].implementation).Options
    own = (study.datasets[dataset].methods or {}).get(name, {})
    try:
        options.model_validate(values)
    except ValidationError as error:
        key = first_fault(error)["loc"][:1]
        where: tuple[str | Path, tuple[str, ...]] = (named_file("methods", name), ("parameters",))
        if key and key[0] in study.methods[name]:
            where = (study.file, ("methods", name))
        if key and key[0] in own:
            where = (study.file, ("datasets", dataset, "methods", name))
        raise UserError(sentence(options, error, *where)) from error
