"""The command `msd`: every subcommand imports what it needs when it runs, so that the command starts at once."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from msd.errors import UserError

RESULTS = Path("results")


class _Parser(argparse.ArgumentParser):
    """An argument parser that answers an unknown command with the nearest valid name."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            near = difflib.get_close_matches(value, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(names)}"
            raise argparse.ArgumentError(None, f"there is no command {value!r}; {hint}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of `msd`; returns its exit status."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        status = command(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # its reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(f"msd {options.name}: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="msd", description="Saliency-aware distillation: run, check and track studies.")
    commands = top.add_subparsers(dest="name", required=True, metavar="command")
    stage = commands.add_parser("stage", help="run one job of the workflow (its log shows the whole command)")
    stage.add_argument("rule", help="the job's rule, e.g. student")
    stage.add_argument("job", help="the job as JSON: params, inputs, outputs, modules, log")
    stage.set_defaults(command=_stage)
    audit = commands.add_parser("audit", help="re-hash all results and check that their history is whole")
    audit.add_argument("--study", help="name or YAML file of a study (default: all)")
    audit.add_argument("--full", action="store_true", help="trust no remembered hash")
    audit.set_defaults(command=_audit)
    trace = commands.add_parser("trace", help="from one cell, figure or claim back to runs, data and code")
    trace.add_argument("place", help="e.g. results/demo/tables/main.json#clipart-tags/kd, or a figure's file")
    trace.add_argument("--json", action="store_true", help="everything that the tree is drawn from")
    trace.set_defaults(command=_trace)
    sync = commands.add_parser("sync", help="tell Snakemake what the records prove, after a clone, pull or checkout")
    sync.set_defaults(command=_sync)
    track = commands.add_parser("track", help="import what is new into MLflow")
    track.add_argument("--study", default="config/demo.yaml", help="name or YAML file of a study (default: demo)")
    track.set_defaults(command=_track)
    compare = commands.add_parser("compare", help="two results cell by cell: identical, within the interval or changed")
    compare.add_argument("before", help="a study, its folder, or a git commit")
    compare.add_argument("after", help="a study, its folder, or a git commit")
    compare.add_argument("--study", default="demo", help="the study that a commit is asked for (default: demo)")
    compare.add_argument("--json", action="store_true", help="for programs")
    compare.set_defaults(command=_compare)
    crate = commands.add_parser("crate", help="export a study with its whole history as a Workflow Run RO-Crate")
    crate.add_argument("--study", default="config/demo.yaml", help="name or YAML file of a study (default: demo)")
    crate.add_argument("--out", help="the new folder (default: crates/<study>)")
    crate.set_defaults(command=_crate)
    plan = commands.add_parser("plan", help="what a study would run and cost; runs nothing")
    plan.add_argument("--study", default="config/demo.yaml", help="name or YAML file of a study")
    plan.set_defaults(command=_plan)
    publish = commands.add_parser("publish", help="copy a study's tables to results/published and the README")
    publish.add_argument("--study", default="config/demo.yaml", help="name or YAML file of a study (default: demo)")
    publish.set_defaults(command=_publish)
    return top


def study_name(study: str) -> str:
    """The name of a study given by its name or by its YAML file (whose key `study` names it)."""
    path = Path(study)
    if path.suffix not in (".yaml", ".yml"):
        return study
    if not path.is_file():
        near = difflib.get_close_matches(study, [str(file) for file in path.parent.glob("*.yaml")], n=1)
        raise UserError(f"there is no study file {study}" + (f"; did you mean {near[0]}?" if near else ""))
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{study} is not YAML: {' '.join(str(error).split())}") from error
    name = content.get("study") if isinstance(content, dict) else None
    return str(name or path.stem)


def _stage(options: argparse.Namespace) -> int:
    from msd.job import main as run_stage

    return run_stage(options.rule, options.job)


def _audit(options: argparse.Namespace) -> int:
    from msd.lineage.audit import audit

    result = audit(RESULTS, study_name(options.study) if options.study else None, options.full)
    print(result)
    return result.status


def _trace(options: argparse.Namespace) -> int:
    import json

    from msd.lineage.trace import trace
    from msd.lineage.tree import as_tree

    found = trace(options.place)
    print(json.dumps(found, indent=1, ensure_ascii=False) if options.json else as_tree(found))
    return 0


def _sync(options: argparse.Namespace) -> int:
    from msd.lineage.sync import sync

    print(sync(RESULTS))
    return 0


def _track(options: argparse.Namespace) -> int:
    from msd.tracking import track

    print(track(study_name(options.study), RESULTS, None))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from msd.lineage.compare import compare

    comparison = compare(options.before, options.after, study=study_name(options.study))
    print(comparison.to_json() if options.json else comparison)
    return 0


def _crate(options: argparse.Namespace) -> int:
    from msd.lineage.crate import export_crate

    study = study_name(options.study)
    print(export_crate(study, RESULTS, Path(options.out or f"crates/{study}")))
    return 0


def _plan(options: argparse.Namespace) -> int:
    from msd.plan import plan

    print(plan(options.study))
    return 0


def _publish(options: argparse.Namespace) -> int:
    from msd.report.publish import publish

    print(publish(study_name(options.study)))
    return 0
