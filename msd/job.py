"""One job of the workflow: run a stage on temporary outputs, record it, move the outputs into place.

`python -m msd stage <rule> <job file>` is the whole interface between Snakemake and the package. Snakemake writes the
file when it starts the job (workflow/rules/stage.smk); it holds all of a Job but its rule, as JSON.
"""

import contextlib
import hashlib
import importlib
import json
import math
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Generic, NoReturn

from typing_extensions import TypeVar

from msd import gpu_slots
from msd.errors import UserError, nearest
from msd.lineage import digest, record
from msd.lineage.digest import code_digest
from msd.processor import settle_arithmetic
from msd.refusals import explained
from msd.temporary import paths_of, place, temporary_folders, temporary_path, write_whole

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
"""Rule -> the function that runs its jobs, and the class of what they are given; None for plain values."""


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


STOPS = (signal.SIGTERM, signal.SIGINT)
KEYS = ("params", "inputs", "outputs", "modules", "log")
BY_HAND, FAILED = "# by hand:", "# failed:"
"""What begins a log's lines that say how to repeat the job, and why it failed."""
TOLD = "MSD_FAILURES_ARE_TOLD"
"""Variable that is set where the log is read by who started the job, so that the job need not say why it failed."""


def write_job(file: str, description: dict[str, Any]) -> None:
    """Write a job's file, whole or not at all, unless it says the same already."""
    path = Path(file)
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with explained([path.parent]):
            write_whole(path, text)


def read_job(rule: str, file: str) -> Job:
    """The job of a rule that `file` describes; raises UserError when there is none or it describes none."""
    if file.lstrip().startswith("{"):
        raise UserError("a job is given by its file, not by its JSON; run the workflow again, it writes the file")
    if not os.path.isfile(file):
        raise UserError(f"there is no job file {file}; the workflow writes it when it runs the job")
    try:
        body = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}, which describes the {rule} job, is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise UserError(f"{file}, which describes the {rule} job, must hold a JSON object")
    for key in body:
        if key not in KEYS:
            raise UserError(f"{file}: unknown key {key!r} in the {rule} job{nearest(key, KEYS)}")
    return Job(rule=rule, **body | {"params": _typed(rule, body.get("params", {}))}, file=file)


def _typed(rule: str, params: dict[str, Any]) -> Any:
    """The values of a job as an object of its rule's class; UserError for values that do not fit it."""
    contract = STAGES.get(rule, ("", None))[1]
    if contract is None:
        return params
    from msd.config.yaml_file import validated  # pydantic, which jobs without a class do not need

    return validated(_import(contract), params, f"the {rule} job", ("params",))


def plain(params: Any) -> dict[str, Any]:
    """The values of a job as JSON has them."""
    return params if isinstance(params, dict) else params.model_dump(mode="json", by_alias=True)


def main(rule: str, file: str) -> int:
    """Run a job given by its file; the exit status, with one sentence on stderr when it is not 0."""
    for number in STOPS:
        signal.signal(number, _stop)
    job = None
    try:
        with explained([]):
            job = read_job(rule, file)
        if "RANK" not in os.environ:
            gpu_slots.take(gpu_slots.wanted(rule, plain(job.params)))
        processes = plain(job.params).get("engine", {}).get("processes", 1)
        if processes > 1 and "RANK" not in os.environ:
            _start_processes(processes, rule, file)
        _follow(job) if int(os.environ.get("RANK", 0)) else run(job)
    except Exception as error:
        if job is not None and job.log is not None and TOLD in os.environ:
            return 1
        if not isinstance(error, ValueError):
            raise
        print(f"msd stage {rule}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _start_processes(number: int, rule: str, file: str) -> NoReturn:
    """Become PyTorch's launcher of that many processes on this machine, each of which runs the job."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    os.execv(sys.executable, [*launcher, "-m", "msd", "stage", rule, file])  # noqa: S606


def _follow(job: Job) -> None:
    """What the processes of a job besides the first one do: all that it does, of which its trainings have a part."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the first one stops between two steps, and the launcher the others
    with tempfile.TemporaryDirectory() as folder:
        outputs = {name: str(Path(folder) / name) for name in job.outputs}
        inputs, code = record.describe_inputs(paths_of(job.inputs)), code_digest(_modules(job))
        _import(STAGES[job.rule][0])(replace(job, outputs=outputs, scratch=_own_scratch(job, inputs, code)))


def run(job: Job) -> None:
    """Run the stage of a job; its outputs appear under their final names all together, or not at all.

    Raises UserError for a job that cannot run, and whatever the stage raises; the log then holds the
    sentence and the traceback.
    """
    settle_arithmetic()
    logs = [] if job.log is None else [Path(job.log).parent]
    with explained(logs), _logging(job):
        final = paths_of(job.outputs)
        _check(job, final)
        halves = {Path(temporary_path(path)).parent for path in final}
        with temporary_folders({Path(path).parent for path in final}), explained([*halves, _scratch(job)]):
            hashes = _execute(job)
            place(final, last=job.outputs["record"])
        shutil.rmtree(_scratch(job), ignore_errors=True)
        digest.remember(hashes)


def _execute(job: Job) -> dict[str, str]:
    """Run the stage on the temporary paths and write metrics and record there; sha256 by final output path."""
    started, clock = record.utc_now(), time.perf_counter()
    inputs = record.describe_inputs(paths_of(job.inputs))
    described = record.describe_run(_modules(job), plain(job.params))
    scratch = _own_scratch(job, inputs, described["code"]["digest"])
    metrics = _import(STAGES[job.rule][0])(replace(job, outputs=temporary_path(job.outputs), scratch=scratch))
    if "metrics" in job.outputs:
        _write_json(temporary_path(job.outputs["metrics"]), _clean_metrics(job.rule, metrics))
    outputs = record.describe_outputs(
        {path: temporary_path(path) for path in paths_of(job.outputs) if path != job.outputs["record"]}
    )
    content = {
        "rule": job.rule,
        "job": job.command,
        "params": plain(job.params),
        "description": {key: getattr(job, key) for key in KEYS if key != "params"},
        "inputs": inputs,
        "outputs": outputs,
        **described,
        "started": started,
        "ended": record.utc_now(),
        "peak_memory_bytes": record.peak_memory_bytes(),
        "wall_seconds": round(time.perf_counter() - clock, 3),
    }
    _write_json(temporary_path(job.outputs["record"]), content | {"seal": record.seal(content)})
    return {output["path"]: output["sha256"] for output in outputs}


def _scratch(job: Job) -> Path:
    """Where all checkpoints of a job lie, whatever its code: results/<study>/scratch/<rule>/<name of its folder>."""
    parts = Path(job.outputs["record"]).parent.parts
    return Path(*parts[:2], "scratch", job.rule, "--".join(parts[2:]))


def _own_scratch(job: Job, inputs: list[dict[str, Any]], code: str) -> str:
    """Where the checkpoints of a job of these parameters, inputs and code lie."""
    content = {"params": plain(job.params), "inputs": inputs, "code": code}
    return str(_scratch(job) / hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16])


def _modules(job: Job) -> list[str]:
    return job.modules or [STAGES[job.rule][0].partition(":")[0]]


def _import(target: str) -> Any:
    """The function or class that `<module>:<name>` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _check(job: Job, final: list[str]) -> None:
    """Refuse an unknown rule, a job without a record, a path named twice and a missing input."""
    if job.rule not in STAGES:
        raise UserError(f"there is no stage {job.rule!r}{nearest(job.rule, STAGES)}")
    if "record" not in job.outputs:
        raise UserError(f"the {job.rule} job declares no output 'record', but every job is recorded")
    for path in final:
        if os.path.isabs(path) or ".." in Path(path).parts:
            raise UserError(f"the output {path!r} of the {job.rule} job must lie inside the project's folder")
    twice = [path for path, count in Counter(final).items() if count > 1]
    if twice:
        raise UserError(f"the {job.rule} job declares the output {twice[0]!r} twice")
    for path in paths_of(job.inputs):
        if not os.path.isfile(path):
            raise UserError(f"the input {path!r} of the {job.rule} job is missing; `snakemake {path}` makes it")


def _clean_metrics(rule: str, metrics: dict[str, float]) -> dict[str, float | None]:
    """Metrics as plain floats: an undefined one (NaN) is null, an infinite one is an error."""
    ordered = {name: float(value) for name, value in sorted(metrics.items())}
    for name, value in ordered.items():
        if math.isinf(value):
            raise ValueError(f"the metric {name!r} of the {rule} job is infinite")
    return {name: None if math.isnan(value) else value for name, value in ordered.items()}


def _write_json(path: str, content: dict[str, Any]) -> None:
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _logging(job: Job) -> Iterator[None]:
    """Send what the job writes to stderr into its log, below the command that repeats it; stdout stays."""
    if job.log is None:
        yield
        return
    Path(job.log).parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "w", encoding="utf-8") as log:
        print(f"{BY_HAND} {job.command}", file=log, flush=True)
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)  # the descriptor, so that native libraries and child processes follow
        try:
            yield
            print(f"# done: peak memory {record.peak_memory_bytes() / 2**20:.0f} MiB", file=log)
        except BaseException as error:
            sentence = " ".join(str(error).split())
            if isinstance(error, UserError):  # which says all
                print(f"{FAILED} {sentence}", file=log)
            elif isinstance(error, SystemExit):
                print(f"{FAILED} it was stopped", file=log)
            else:
                print(f"{FAILED} {type(error).__name__}: {sentence}", file=log)
                traceback.print_exc(file=log)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def _stop(number: int, frame: FrameType | None) -> None:
    """Turn a signal to stop into an exception, so that temporary folders are removed."""
    os.write(2, f"stopped by {signal.Signals(number).name}; run it again to go on\n".encode())
    sys.exit(128 + number)
