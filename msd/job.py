"""One job of the workflow, as its file describes it.

`python -m msd stage <rule> <job file>` is the whole interface between Snakemake and the package. Snakemake writes the
file when it starts the job (workflow/rules/stage.smk); it holds all of a Job but its rule, as JSON.
"""

import importlib
import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from typing_extensions import TypeVar

from msd.errors import UserError, nearest
from msd.lineage.record import producing_record
from msd.system.refusals import explained
from msd.system.temporary import paths_of, write_whole

Params = TypeVar("Params", default=dict[str, Any])
STAGES: dict[str, tuple[str, str | None]] = {
    "fetch": ("msd.data.fetch:fetch", "msd.config.contracts.data:FetchParams"),
    "prepare": ("msd.data.prepare:prepare", "msd.config.contracts.data:PrepareParams"),
    "tokenizer": ("msd.data.tokenizer:build_tokenizer", "msd.config.strict:Strict"),
    "convert": ("msd.models.convert:convert", "msd.config.contracts.training:ConvertParams"),
    "transfer": ("msd.data.transfer:transfer", "msd.config.contracts.data:TransferParams"),
    "features": ("msd.features.extract:extract", "msd.config.contracts.data:FeaturesParams"),
    "probe": ("msd.training.probe:probe", "msd.config.contracts.training:ModelParams"),
    "teacher": ("msd.training.teacher:train_teacher", "msd.config.contracts.training:TeacherParams"),
    "teacher_outputs": ("msd.training.teacher_outputs:teacher_outputs", "msd.config.contracts.training:OutputsParams"),
    "saliency": ("msd.training.saliency:saliency", "msd.config.contracts.training:SaliencyParams"),
    "student": ("msd.training.student:train_students", "msd.config.contracts.training:StudentParams"),
    "choose": ("msd.tables.collect:choose", "msd.config.contracts.tables:CollectParams"),
    "collect": ("msd.tables.collect:collect", "msd.config.contracts.tables:CollectParams"),
    "cost": ("msd.training.cost:cost", "msd.config.contracts.training:StudentParams"),
    "tables": ("msd.tables.tables:tables", "msd.config.contracts.tables:ReportParams"),
    "figures": ("msd.report.figures:figures", "msd.config.contracts.tables:ReportParams"),
    "resolve": ("msd.report.resolve:resolve", "msd.config.contracts.tables:ResolveParams"),
    "report": ("msd.report.report:report", "msd.config.contracts.tables:ReportParams"),
    "gaussian": ("msd.mfh.gaussian.run:gaussian", "msd.mfh.gaussian.config:GaussianParams"),
    "generality": ("msd.mfh.gaussian.recovery:recovery", "msd.mfh.gaussian.config:GeneralityParams"),
    "spoken_digits": ("msd.mfh.av_mnist.spoken_digits:prepare", "msd.config.contracts.data:DatasetParams"),
    "av_mnist": ("msd.mfh.av_mnist.run:av_mnist", "msd.mfh.av_mnist.config:AvMnistParams"),
    "teacher_variants": ("msd.mfh.teachers.variants_run:teacher_variants", "msd.mfh.teachers.config:VariantsParams"),
    "unimodal_students": ("msd.mfh.teachers.unimodal:unimodal_students", "msd.mfh.teachers.config:StudentsParams"),
    "mfh_tables": ("msd.mfh.tables:tables", "msd.mfh.study:ReportParams"),
    "mfh_figures": ("msd.mfh.figures:figures", "msd.mfh.study:ReportParams"),
    "crossmodal": ("msd.mfh.crossmodal.run:crossmodal", "msd.mfh.crossmodal.config:CrossmodalParams"),
    "mfh_report": ("msd.mfh.report:report", "msd.mfh.study:ReportParams"),
}
"""Rule -> the function that runs its jobs, and the class of what they are given; None for plain values, in tests."""


@dataclass(frozen=True)
class Job(Generic[Params]):
    """What one job is given, reads and writes.

    `inputs` and `outputs` map a name to a path or a list of paths, relative to the project's folder; `modules` are the
    `msd` modules whose source decides the result; `params` an object of the class that `STAGES` names; `file` holds all
    but the rule. `scratch` is a folder of what a killed job goes on from: another for other params, inputs or code.
    """

    rule: str
    params: Params = field(default_factory=dict)  # type: ignore[assignment]
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    log: str | None = None
    file: str | None = None
    scratch: str | None = None

    @property
    def command(self) -> str:
        """The shell command that runs this job by hand, from the project's folder."""
        return shlex.join(["python", "-m", "msd", "stage", self.rule, self.file or "<job file>"])


KEYS = ("params", "inputs", "outputs", "modules", "log")


def write_job(file: str, description: dict[str, Any]) -> None:
    """Write a job's file, whole or not at all, unless it says the same already.

    What the job made as its former file says, makes no more, and no other job's record lists, is removed.
    """
    path = Path(file)
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    with explained([path.parent]):
        former = paths_of(_content(file).get("outputs", {})) if path.is_file() else []
        outputs = description.get("outputs", {})
        own = (None, outputs.get("record"))
        for output in sorted({*former} - {*paths_of(outputs)}):
            if os.path.isfile(output) and not leaves_project(output) and producing_record(output, {}) in own:
                os.unlink(output)
        write_whole(path, text)


def leaves_project(path: str) -> bool:
    """Whether a path could lie outside of the project's folder."""
    return os.path.isabs(path) or ".." in Path(path).parts


def read_job(rule: str, file: str) -> Job:
    """The job of a rule that `file` describes; raises UserError when there is no such rule or job."""
    if rule not in STAGES:
        raise UserError(f"there is no stage {rule!r}{nearest(rule, STAGES)}")
    if file.lstrip().startswith("{"):
        raise UserError("a job is given by its file, not by its JSON; run the workflow again, it writes the file")
    if not os.path.isfile(file):
        raise UserError(f"there is no job file {file}; the workflow writes it when it runs the job")
    body = _content(file)
    for key in body:
        if key not in KEYS:
            raise UserError(f"{file}: unknown key {key!r} in the {rule} job{nearest(key, KEYS)}")
    return Job(rule=rule, **body | {"params": _typed(rule, body.get("params", {}))}, file=file)


def _content(file: str) -> dict[str, Any]:
    """What a job's file holds; UserError where it is damaged."""
    try:
        body = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} describes no job, for it is not JSON: {error}; {_advice(file)}") from error
    if not isinstance(body, dict):
        raise UserError(f"{file} describes no job: it must hold a JSON object; {_advice(file)}")
    return body


def _advice(file: str) -> str:
    """What to do about a file that describes no job: one of the workflow's can go."""
    if {"results", "jobs"} <= {*Path(file).parts}:
        return "delete it, and run the workflow again"
    return "name one of results/<study>/jobs"


def _typed(rule: str, params: dict[str, Any]) -> Any:
    """The values of a job as an object of its rule's class; UserError for values that do not fit it."""
    contract = STAGES[rule][1]
    if contract is None:
        return params
    from msd.config.yaml_file import validated  # pydantic, which jobs without a class do not need

    return validated(imported(contract), params, f"the {rule} job", ("params",))


def plain(params: Any) -> dict[str, Any]:
    """The values of a job as JSON has them."""
    return params if isinstance(params, dict) else params.model_dump(mode="json", by_alias=True)


def imported(target: str) -> Any:
    """The function or class that `<module>:<name>` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
