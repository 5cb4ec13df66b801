"""Run a job of the workflow: its stage on temporary outputs; record it; move the outputs into place."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from msd.errors import UserError
from msd.job import KEYS, STAGES, Job, imported, leaves_project, plain, read_job
from msd.lineage import digest, record
from msd.lineage.digest import code_digest
from msd.running import gpu_slots
from msd.system.processor import settle_arithmetic
from msd.system.refusals import explained
from msd.system.temporary import paths_of, place, temporary_folders, temporary_path

STOPS = (signal.SIGTERM, signal.SIGINT)
SECONDS_TO_STOP = 120
"""That the processes of a job have, when they are asked to stop, before they are killed."""
BY_HAND, FAILED = "# by hand:", "# failed:"
"""What begins a log's lines that say how to repeat the job, and why it failed."""
TOLD = "MSD_FAILURES_ARE_TOLD"
"""Variable that is set where the log is read by who started the job, so that the job need not say why it failed."""


def main(rule: str, file: str) -> int:
    """Run a job given by its file; the exit status, with one sentence on stderr when it is not 0."""
    for number in STOPS:
        signal.signal(number, _stop)
    settle_arithmetic()  # in each process of a training, before any of them loads PyTorch
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
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SECONDS_TO_STOP))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    os.execv(sys.executable, [*launcher, "-m", "msd", "stage", rule, file])  # noqa: S606


def _follow(job: Job) -> None:
    """What the processes of a job besides the first one do: all that it does, of which its trainings have a part."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)  # the first one says after which step all of them stop
    with tempfile.TemporaryDirectory() as folder:
        outputs = {name: str(Path(folder) / name) for name in job.outputs}
        inputs, code = record.describe_inputs(paths_of(job.inputs)), code_digest(_modules(job))
        imported(STAGES[job.rule][0])(replace(job, outputs=outputs, scratch=_own_scratch(job, inputs, code)))


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
    metrics = imported(STAGES[job.rule][0])(replace(job, outputs=temporary_path(job.outputs), scratch=scratch))
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


def _check(job: Job, final: list[str]) -> None:
    """Refuse a job without a record, a path named twice and a missing input."""
    if "record" not in job.outputs:
        raise UserError(f"the {job.rule} job declares no output 'record', but every job is recorded")
    for path in final:
        if leaves_project(path):
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
