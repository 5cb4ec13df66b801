"""The command line of `msd`; `msd.commands` has what each command does."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from msd import commands
from msd.errors import UserError, nearest
from msd.system.refusals import explained

Command = Callable[[argparse.Namespace], object]
"""Runs; returns what to print, whose `status` is the exit status if it has one, or an exit status alone."""

Add = Callable[[str, Command, str], argparse.ArgumentParser]


class _Parser(argparse.ArgumentParser):
    """An argument parser that answers an unknown command with the nearest valid name."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            what = action.metavar or action.dest
            near = nearest(value, names)
            hint = near if near.endswith("?") else f"; known are {', '.join(names)}"
            raise argparse.ArgumentError(None, f"there is no {what} {value!r}{hint}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of `msd`; returns its exit status."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        with explained([]):
            result = command(options)
        return result if isinstance(result, int) else _show(result)
    except UserError as error:
        sentence = str(error)
    except OSError as error:
        if error.filename is None:  # no place that a person gave
            raise
        sentence = f"{error.filename}: {error.strerror}; is that the place that you mean?"
    print(f"msd {options.name}: {sentence}", file=sys.stderr)
    return 1


def _show(result: object) -> int:
    """Print what a command found; its exit status."""
    try:
        print(result, flush=True)
        return int(getattr(result, "status", 0))
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python must not try again at its end
        if isinstance(error, BrokenPipeError):  # its reader, such as `head`, has seen enough
            return 1
        raise UserError(f"what it found cannot be written: {error.strerror}; make room for its output") from error


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="msd", description="Saliency-aware distillation: run, check and track studies.")
    subparsers = top.add_subparsers(dest="name", required=True, metavar="command")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        added = subparsers.add_parser(name, help=text)
        added.set_defaults(command=command)
        return added

    stage = add("stage", commands.stage, "run one job of the workflow (its log shows the command)")
    stage.add_argument("rule", help="the job's rule, e.g. student")
    stage.add_argument("job", help="the job's file, e.g. results/demo/jobs/student/….json")
    _add_lineage(add)
    _add_study(add("plan", commands.plan, "what a study would run and cost; runs nothing"))
    _add_study(add("doctor", commands.doctor, "what a study needs to start, and what to do where something is missing"))
    power = add("power", commands.power, "the smallest difference that a study can see, and the seeds that one needs")
    _add_study(power)
    power.add_argument("--difference", type=float, help="of a score: the seeds that each test needs to see it")
    _add_deployment(add)
    init = add("init", commands.init, "lay out a project of your own in a new folder, with a study to change")
    init.add_argument("folder", help="the new folder, whose name is that of its study")
    _add_data(add("data", commands.data_add, "bring your own data: `msd data add --help`"))
    demo = add("demo", commands.demo, "a page on this machine where a study's teacher and students answer side by side")
    _add_study(demo)
    demo.add_argument("--dataset", help="one of the study's (default: its first)")
    demo.add_argument("--port", type=int, default=8765, help="that it listens on, 0 for any (default: 8765)")
    _add_study(add("publish", commands.publish, "copy a study's tables to results/published and docs/"))
    complete = add("complete", _complete, "what a shell reads to complete commands, options and files on Tab")
    complete.add_argument("shell", choices=("bash", "fish", "tcsh", "zsh"), help="bash, fish, tcsh or zsh")
    return top


def _add_lineage(add: Add) -> None:
    """Commands about records."""
    audit = add("audit", commands.audit, "re-hash all results and check that their history is whole")
    _add_study(audit, default=None)
    audit.add_argument("--full", action="store_true", help="trust no remembered hash")
    trace = add("trace", commands.trace, "from one cell, figure or claim back to runs, data and code")
    _add_study(trace)
    trace.add_argument("place", help="main#clipart-tags/kd, the name of a table or figure, or any file of results")
    trace.add_argument("--json", action="store_true", help="everything that the tree is drawn from")
    _add_study(add("sync", commands.sync, "tell Snakemake what the records prove, after a clone or pull"), default=None)
    _add_study(add("track", commands.track, "import what is new into MLflow"))
    compare = add("compare", commands.compare, "two results cell by cell: identical, within the interval or changed")
    compare.add_argument("before", help="a study, its YAML file or folder, or a git commit")
    compare.add_argument("after", help="the same")
    compare.add_argument("--study", help="whose results commits are read for (default: the other side's)")
    compare.add_argument("--json", action="store_true", help="for programs")
    crate = add("crate", commands.crate, "export a study with its whole history as a Workflow Run RO-Crate")
    _add_study(crate)
    crate.add_argument("--out", help="the new folder (default: crates/<study>)")


def _add_deployment(add: Add) -> None:
    """Commands about a trained student."""
    export = add("export", commands.export, "write a trained student as PyTorch and ONNX models, with all it needs")
    export.add_argument("run", help="a run, e.g. results/demo/students/easy-vqa/kd/…/seeds-…")
    export.add_argument("--seed", type=int, help="which of its students (default: the best on validation)")
    export.add_argument("--out", help="the new folder (default: exports/<study>-<dataset>-<method>-seed-<seed>)")
    predict = add("predict", commands.predict, "what a student says of pictures and texts, and how salient each is")
    predict.add_argument("student", help="a run, or a folder that `msd export` made")
    predict.add_argument("--seed", type=int, help="which student of a run (default: the best on validation)")
    predict.add_argument(
        "--image", action="append", default=[], help="a picture, or a folder of pictures; again for more"
    )
    predict.add_argument("--text", action="append", default=[], help="for all pictures, or once for each")
    predict.add_argument("--csv", help="a table with the columns image and text instead")
    predict.add_argument("--top", type=int, default=5, help="labels that are shown (default: 5)")
    predict.add_argument("--json", action="store_true", help="for programs: all labels, of each modality alone too")


def _add_study(command: argparse.ArgumentParser, default: str | None = "demo") -> None:
    """The argument that names a study, with or without `--study` before it."""
    text = f"name or YAML file of a study (default: {default or 'all'})"
    command.set_defaults(study=default)  # before the arguments, whose own default is then kept: none
    command.add_argument("study", nargs="?", default=argparse.SUPPRESS, help=text)
    command.add_argument("--study", default=argparse.SUPPRESS, help="the same")


def _add_data(data: argparse.ArgumentParser) -> None:
    """The arguments of `msd data add`."""
    verbs = data.add_subparsers(dest="verb", required=True, metavar="command")
    command = verbs.add_parser("add", help="tables with pictures and labels become a dataset and a study of it")
    command.add_argument("folder", help="its tables: {train,val,test}.{csv,jsonl,parquet}, or one; or that one table")
    command.add_argument("--name", dest="dataset", required=True, help="small letters, digits and dashes")
    command.add_argument("--image-col", help="column of the picture's place (default: image, in metadata.* file_name)")
    command.add_argument("--text-col", default="text", help="column of the text (default: text)")
    command.add_argument(
        "--label-col", action="append", help="column of labels (default: label); of one label's scores, for each label"
    )
    command.add_argument("--label-separator", help="what stands between the labels of a text")
    command.add_argument("--split-col", help="column that says train, val or test")
    command.add_argument("--group-col", help="column of what stays in one split (always: rows of one picture)")
    command.add_argument("--delimiter", default=",", help="between the fields of a CSV file (default: a comma)")
    command.add_argument("--pictures", help="folder, zip or tar archive of the pictures (default: beside the table)")
    command.add_argument("--shares", default="70/15/15", help="of train, val and test that are not given (70/15/15)")
    command.add_argument("--seed", type=int, default=1, help="of the splits that are made (default: 1)")
    command.add_argument("--side", type=int, default=256, help="pixels that pictures are made smaller than (256)")
    command.add_argument("--strict", action="store_true", help="stop at the first bad row, where others are dropped")
    command.add_argument("--force", action="store_true", help="overwrite what it wrote before under this name")


def _complete(options: argparse.Namespace) -> object:
    from msd.completion import script

    return script(parser(), options.shell)
