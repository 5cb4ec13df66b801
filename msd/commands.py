"""What each command of `msd` does: it imports what it needs when it runs, and returns what is printed."""

import argparse
from pathlib import Path

from msd.errors import UserError

RESULTS = Path("results")


def find_study(study: str) -> tuple[str, str]:
    """The name and the YAML file of a study given by one of them; a file's key `study` is its name.

    Raises UserError, with the nearest name, where there is no such file.
    """
    if not Path(study).suffix.startswith(".y"):
        return study, f"config/{study}.yaml"
    from msd.config.yaml_file import read_yaml

    return str(read_yaml(study).get("study", Path(study).stem)), study


def stage(options: argparse.Namespace) -> int:
    """Run one job of the workflow; its exit status."""
    from msd.running.run_job import main as run_stage

    return run_stage(options.rule, options.job)


def audit(options: argparse.Namespace) -> object:
    """Hash results again, of one study or of all, and check their records."""
    from msd.lineage.audit import audit

    return audit(RESULTS, find_study(options.study)[0] if options.study else None, options.full)


def trace(options: argparse.Namespace) -> object:
    """The runs, data and code behind a cell, figure or claim, as a tree or as JSON."""
    import json

    from msd.lineage.trace import place_of, trace
    from msd.lineage.tree import as_tree

    traced = trace(place_of(find_study(options.study)[0], options.place))
    return json.dumps(traced, indent=1, ensure_ascii=False) if options.json else as_tree(traced)


def sync(options: argparse.Namespace) -> object:
    """Bring Snakemake's metadata in line with the records, of one study or of all."""
    from msd.lineage.sync import sync

    return sync(RESULTS, find_study(options.study)[0] if options.study else None)


def track(options: argparse.Namespace) -> object:
    """Import a study's new runs and students into MLflow."""
    from msd.deploy.logged import log_students
    from msd.tracking import track

    tracked = track(find_study(options.study)[0], RESULTS, None)
    return f"{tracked}; {log_students(tracked, Path())}"


def compare(options: argparse.Namespace) -> object:
    """Two results of a study, cell by cell, as text or as JSON."""
    from msd.lineage.compare import compare

    before, after = (find_study(side)[0] for side in (options.before, options.after))
    comparison = compare(before, after, study=find_study(options.study)[0] if options.study else None)
    return comparison.to_json() if options.json else comparison


def crate(options: argparse.Namespace) -> object:
    """Export a study and its history as a Workflow Run RO-Crate."""
    from msd.lineage.crate import export_crate

    study = find_study(options.study)[0]
    return export_crate(study, RESULTS, Path(options.out or f"crates/{study}"))


def plan(options: argparse.Namespace) -> object:
    """What a study would run, fetch and cost."""
    from msd.planning.plan import plan

    return plan(find_study(options.study)[1])


def doctor(options: argparse.Namespace) -> object:
    """Whether this machine has what a study needs to start."""
    from msd.doctor import doctor

    return doctor(find_study(options.study)[1])


def power(options: argparse.Namespace) -> object:
    """The smallest difference that a study can see, or the seeds that `--difference` needs."""
    from msd.tables.power import power

    if options.difference is not None and not 0 < options.difference < 1:
        raise UserError(f"--difference: a difference in score lies between 0 and 1; got {options.difference:g}")
    return power(find_study(options.study)[0], options.difference)


def export(options: argparse.Namespace) -> object:
    """Write a trained student as PyTorch and ONNX models."""
    from msd.deploy.bundle import export

    return export(options.run, seed=options.seed, out=options.out)


def predict(options: argparse.Namespace) -> object:
    """A student's predictions and saliency for pictures with texts, as text or as JSON."""
    from msd.deploy.predict import predict

    inputs = {"images": options.image, "texts": options.text, "table": options.csv}
    prediction = predict(options.student, **inputs, seed=options.seed, top=options.top)
    return prediction.to_json() if options.json else prediction


def data_add(options: argparse.Namespace) -> object:
    """Write a dataset and a study of a user's own tables and pictures."""
    from msd.data.add import add

    parts = [float(part) if part.strip().isdecimal() else 0.0 for part in options.shares.split("/")]
    if len(parts) != 3 or min(parts) <= 0:
        raise UserError(f"--shares: give those of train, val and test, such as 70/15/15; got {options.shares!r}")
    columns = {
        "image": options.image_col,
        "text": options.text_col,
        "labels": options.label_col or ["label"],
        "separator": options.label_separator,
        "split": options.split_col,
        "group": options.group_col,
        "delimiter": "\t" if options.delimiter == r"\t" else options.delimiter,
        "side": options.side,
        "seed": options.seed,
        "shares": {split: part / sum(parts) for split, part in zip(("train", "val", "test"), parts, strict=True)},
        "records": "strict" if options.strict else "lenient",
    }
    pictures = None if options.pictures is None else Path(options.pictures)
    return add(Path(options.folder), options.dataset, pictures=pictures, force=options.force, columns=columns)


def init(options: argparse.Namespace) -> object:
    """Lay out a new project in a folder."""
    from msd.init import init

    return init(Path(options.folder))


def demo(options: argparse.Namespace) -> int:
    """Serve a page with a study's teacher and students until it is interrupted; its exit status."""
    from msd.deploy.page import serve

    return serve(find_study(options.study)[0], options.dataset, options.port)


def publish(options: argparse.Namespace) -> object:
    """Copy a study's tables to results/published and docs/."""
    from msd.report.publish import publish

    return publish(find_study(options.study)[0])
