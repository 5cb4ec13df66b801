"""What each command of `msd` does: it imports what it needs when it runs, and returns what is printed."""

import argparse
from pathlib import Path

from msd.errors import UserError

RESULTS = Path("results")


def find_study(study: str) -> tuple[str, str]:
    """The name and the YAML file of a study given by one of them; a file's key `study` is its name."""
    if Path(study).suffix not in (".yaml", ".yml"):
        return study, f"config/{study}.yaml"
    from msd.config.yaml_file import read_yaml

    return str(read_yaml(study).get("study", Path(study).stem)), study


def stage(options: argparse.Namespace) -> int:
    from msd.run_job import main as run_stage

    return run_stage(options.rule, options.job)


def audit(options: argparse.Namespace) -> object:
    from msd.lineage.audit import audit

    return audit(RESULTS, find_study(options.study)[0] if options.study else None, options.full)


def trace(options: argparse.Namespace) -> object:
    import json

    from msd.lineage.trace import place_of, trace
    from msd.lineage.tree import as_tree

    traced = trace(place_of(find_study(options.study)[0], options.place))
    return json.dumps(traced, indent=1, ensure_ascii=False) if options.json else as_tree(traced)


def sync(options: argparse.Namespace) -> object:
    from msd.lineage.sync import sync

    return sync(RESULTS, find_study(options.study)[0] if options.study else None)


def track(options: argparse.Namespace) -> object:
    from msd.deploy.logged import log_students
    from msd.tracking import track

    tracked = track(find_study(options.study)[0], RESULTS, None)
    return f"{tracked}; {log_students(tracked, Path())}"


def compare(options: argparse.Namespace) -> object:
    from msd.lineage.compare import compare

    before, after = (find_study(side)[0] for side in (options.before, options.after))
    comparison = compare(before, after, study=find_study(options.study)[0] if options.study else None)
    return comparison.to_json() if options.json else comparison


def crate(options: argparse.Namespace) -> object:
    from msd.lineage.crate import export_crate

    study = find_study(options.study)[0]
    return export_crate(study, RESULTS, Path(options.out or f"crates/{study}"))


def plan(options: argparse.Namespace) -> object:
    from msd.plan import plan

    return plan(find_study(options.study)[1])


def doctor(options: argparse.Namespace) -> object:
    from msd.doctor import doctor

    return doctor(find_study(options.study)[1])


def power(options: argparse.Namespace) -> object:
    from msd.tables.power import power

    if options.difference is not None and not 0 < options.difference < 1:
        raise UserError(f"--difference: a difference in score lies between 0 and 1; got {options.difference:g}")
    return power(find_study(options.study)[0], options.difference)


def export(options: argparse.Namespace) -> object:
    from msd.deploy.bundle import export

    return export(options.run, seed=options.seed, out=options.out)


def predict(options: argparse.Namespace) -> object:
    from msd.deploy.predict import predict

    asked = {"images": options.image, "texts": options.text, "table": options.csv}
    prediction = predict(options.student, **asked, seed=options.seed, top=options.top)
    return prediction.to_json() if options.json else prediction


def data_add(options: argparse.Namespace) -> object:
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
    from msd.init import init

    return init(Path(options.folder))


def demo(options: argparse.Namespace) -> int:
    from msd.deploy.page import serve

    return serve(find_study(options.study)[0], options.dataset, options.port)


def publish(options: argparse.Namespace) -> object:
    from msd.report.publish import publish

    return publish(find_study(options.study)[0])
