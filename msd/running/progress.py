"""What a call of Snakemake shows of a study: a bar, a line for each finished job, and of a failed one what to do.

A filter of Snakemake's own messages, so that it needs no option and no plugin. On a terminal the bar stands below them;
elsewhere there are the lines alone.
"""

import atexit
import logging
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from msd.planning.plan import duration
from msd.running.run_job import BY_HAND, FAILED, TOLD

PHONY = {"total", "all", "default"}
DROPPED = {"job_started", "resources_info"}
CHATTER = re.compile(r"Select jobs to execute|Assuming unrestricted shared|Building DAG of jobs|Using shell:|\[")


@dataclass
class _Job:
    rule: str
    message: str
    started: float


class Shown(logging.Filter):
    """Shows a run of Snakemake.

    Args:
        seconds: rule -> mean duration of its earlier jobs, None where there were none.
        workers: jobs that run at a time.   lines: whether finished jobs are shown, or failed ones alone.
        logs: whether the whole log of a failed job is shown.   handlers: those of Snakemake's messages.
    """

    def __init__(
        self,
        seconds: Callable[[str], float | None],
        *,
        workers: int,
        lines: bool,
        logs: bool,
        handlers: list[logging.Handler],
    ) -> None:
        super().__init__()
        self._seconds, self._workers, self._lines, self._logs = seconds, max(1, workers), lines, logs
        of_streams = [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]
        self._handlers = [handler for handler in of_streams if handler.stream is sys.stderr]
        self._jobs: dict[int, _Job] = {}
        self._open: Counter[str] = Counter()
        self._took: dict[str, list[float]] = {}
        self._bar: Progress | None = None
        self._total = 0
        os.environ[TOLD] = "1"  # jobs leave it to their log, which is read here, what went wrong

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake still shows a message, which may have another text now."""
        event, values = getattr(record, "event", None), record.__dict__
        if event == "job_error":
            return self._says(record, self._failure(values))
        if record.getMessage().startswith("RuleException:\nCalledProcessError"):
            return False
        if not self._lines:
            return True
        if event == "run_info":
            return self._says(record, self._start(values["stats"]))
        if event == "job_info":
            message = values["rule_msg"] or values["rule_name"]
            self._jobs[values["jobid"]] = _Job(values["rule_name"], message, time.monotonic())
            return False
        if event == "job_finished":
            line = self._finish(values["job_id"])
            return line is not None and self._says(record, line)
        if event == "progress":
            self._move(values["done"], values["total"])
            return False
        return event not in DROPPED and not (event is None and CHATTER.match(record.getMessage()))

    @staticmethod
    def _says(record: logging.LogRecord, text: str) -> bool:
        record.__dict__.update(event=None, msg=text, args=None)
        return True

    def _start(self, stats: dict[str, int]) -> str:
        self._open = Counter({rule: count for rule, count in stats.items() if rule not in PHONY})
        self._total = self._open.total()
        if sys.stderr.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("study", total=self._total, left=self._left())
            self._bar.start()
            for handler in self._handlers:
                handler.setStream(sys.stderr)  # now rich's, which writes above the bar
            atexit.register(self.close)
        left = self._left()
        return f"Jobs to run: {self._total}{f', {left}' if left else ''}"

    def _finish(self, number: int) -> str | None:
        """The line of a finished job; None for a target, which does nothing."""
        job = self._jobs.pop(number, None)
        if job is None or job.rule in PHONY:
            return None
        seconds = time.monotonic() - job.started
        self._took.setdefault(job.rule, []).append(seconds)
        self._open[job.rule] -= 1
        done = self._total - self._open.total()
        return f"{done:>{len(str(self._total))}}/{self._total}  {job.message}, {duration(seconds)}"

    def _move(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._total - self._open.total(), left=self._left())
            if done == total:
                self.close()

    def _left(self) -> str:
        """About how long the open jobs take; "" where nothing is known of them."""
        means = {rule: self._mean(rule) for rule, count in self._open.items() if count > 0}
        known = sum(self._open[rule] * mean for rule, mean in means.items() if mean is not None)
        if not known:
            return ""
        word = "over" if None in means.values() else "about"
        return f"{word} {duration(known / min(self._workers, self._open.total()))} left"

    def _mean(self, rule: str) -> float | None:
        took = self._took.get(rule)
        return sum(took) / len(took) if took else self._seconds(rule)

    def _failure(self, values: dict[str, Any]) -> str:
        """Why a job failed, where its log is, and how to repeat it."""
        job = self._jobs.pop(values["jobid"], None)
        what = job.message if job else values["rule_msg"] or values["rule_name"]
        logs = [Path(log) for log in values["log"] if Path(log).is_file()]
        texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs]
        marked = {mark: line for mark in (FAILED, BY_HAND) if (line := _marked(texts, mark))}
        lines = [f"Failed: {what}: {marked.get(FAILED, 'it was killed, or ended without a word')}"]
        lines += [f"    log:     {log}" for log in logs]
        lines += [f"    by hand: {marked[BY_HAND]}"] if BY_HAND in marked else []
        return "\n".join([*lines, *(texts if self._logs else [])])

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            for handler in self._handlers:
                handler.setStream(sys.stderr)


def _marked(texts: list[str], mark: str) -> str | None:
    lines = [line.removeprefix(mark).strip() for text in texts for line in text.splitlines() if line.startswith(mark)]
    return lines[-1] if lines else None
