"""Imports finished jobs into MLflow: one experiment a study, one parent run, one nested run a record.json.

Jobs never load MLflow; they leave metrics.json and history.parquet, and this reads them afterwards. The database and
the artefacts beside it (results/.mlflow) are an index that can be deleted and built again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.errors import UserError, decoding
from msd.lineage.record import leaves
from msd.lineage.studies import study_records
from msd.system.refusals import explained
from msd.tracking.artefacts import dataset_inputs, log_artefacts, prepared_splits
from msd.tracking.chart import save_chart
from msd.tracking.values import safe_name, values

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.entities import PagedList
    from sqlalchemy import Engine

MAX_VALUE = 500
BATCH_METRICS, BATCH_PARAMS = 1000, 100
# Set last, so that a run without it is half imported and is made again.
DONE, STUDY, RECORD = "msd.record_sha256", "msd.study", "msd.record"
# What the folders below results/<study>/<kind>/ mean (results/data/<dataset> is handled apart).
FOLDERS = {
    "teachers": ("dataset",),
    "probes": ("dataset",),
    "students": ("dataset", "method", "variant"),
    "cells": ("dataset", "method"),
}


@dataclass(frozen=True)
class TrackResult:
    """How many runs were imported now and how many were there already, and where."""

    imported: int
    present: int
    experiment: str
    uri: str

    def __str__(self) -> str:
        return f"{self.imported} runs imported, {self.present} were there: {self.experiment} in {self.uri}"


def track(study: str, results: Path, uri: str | None = None) -> TrackResult:
    """Import what is new of a study; a second call imports nothing.

    `uri` defaults to MLFLOW_TRACKING_URI, then to the database results/mlflow.db. Raises UserError when the
    study has no records.
    """
    names = study_records(study, results)
    paths = [results.absolute().parent / name for name in names]
    records = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(results / 'mlflow.db').absolute()}"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with explained([results / ".mlflow"]), open(results / ".mlflow.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several imports that open a fresh database together break it
        _create_database(uri)
        return _import(study, records, results, uri)


def _import(study: str, records: dict[str, Path], results: Path, uri: str) -> TrackResult:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    name = f"msd/{study}"
    experiment = _experiment(client, name, None if _is_server(uri) else (results / ".mlflow").absolute().as_uri())
    parent, done = _existing(client, experiment, study)
    new = {sha256: path for sha256, path in records.items() if sha256 not in done}
    for sha256, path in new.items():
        _import_run(client, experiment, parent, sha256=sha256, path=path, project=results.absolute().parent)
    log_artefacts(client, parent, results / study)
    places = [_place(path.relative_to(results.absolute().parent).as_posix()) for path in records.values()]
    for kind in ("dataset", "method"):
        client.set_tag(parent, f"{kind}s", ",".join(sorted({place[kind] for place in places if kind in place})))
    save_chart(client, experiment, sorted({place["dataset"] for place in places if "method" in place}))
    if new:
        client.set_terminated(parent, "FINISHED")
    return TrackResult(len(new), len(records) - len(new), name, uri)


def _experiment(client: MlflowClient, name: str, place: str | None) -> str:
    """The study's experiment, made when absent; `place` is where it keeps artefacts, None where a server decides.

    An experiment that keeps them elsewhere, because the project's folder was moved, is put aside under another name.
    """
    present = client.get_experiment_by_name(name)
    if present and place in (None, present.artifact_location):
        return str(present.experiment_id)
    if present:
        client.rename_experiment(present.experiment_id, f"{name} (moved, {present.experiment_id})")
    return str(client.create_experiment(name, artifact_location=place))


def _is_server(uri: str) -> bool:
    return not uri.startswith("sqlite:///")


def _create_database(uri: str) -> None:
    """Create or migrate a sqlite database, whole or not at all; servers look after their own."""
    if _is_server(uri):
        return
    from mlflow.store.db import utils as database

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    path = Path(uri.removeprefix("sqlite:///"))
    _check_database(path)
    half = path.with_name(f"{path.name}.half")
    with _engine(uri) as engine:
        is_empty = database._is_empty_database(engine)
        if not is_empty and database._get_schema_version(engine) == database._get_latest_schema_revision():
            return
    try:  # as `mlflow db upgrade` does, whose steps are many and each for ever
        shutil.copyfile(path, half)
        with _engine(f"sqlite:///{half}") as engine:
            (database._initialize_tables if is_empty else database._upgrade_db)(engine)
        os.replace(half, path)
    finally:
        for left in path.parent.glob(f"{half.name}*"):
            left.unlink()


def _check_database(path: Path) -> None:
    """Raise UserError for a damaged database."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError:  # no right or room, which others explain
        raise
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise UserError(f"{path} is damaged ({said}); remove it: it is an index, which the next call makes anew")


@contextlib.contextmanager
def _engine(uri: str) -> Iterator[Engine]:
    from mlflow.store.db.utils import create_sqlalchemy_engine_with_retry

    engine = create_sqlalchemy_engine_with_retry(uri)
    try:
        yield engine
    finally:
        engine.dispose()


def _existing(client: MlflowClient, experiment: str, study: str) -> tuple[str, set[str]]:
    """The study's parent run (made when absent) and the digests already imported; drops half-imported runs."""
    parent, done = None, set()
    for run in experiment_runs(client, experiment):
        tags = run.data.tags
        if DONE in tags:
            done.add(tags[DONE])
        elif RECORD in tags:
            client.delete_run(run.info.run_id)
        elif tags.get(STUDY) == study:
            parent = run.info.run_id
    if parent is None:
        parent = client.create_run(experiment, run_name=study, tags={STUDY: study}).info.run_id
    return parent, done


def experiment_runs(client: MlflowClient, experiment: str) -> list[Run]:
    """All runs of an experiment, given by its number."""
    from mlflow.utils import get_results_from_paginated_fn

    def search(size: int, token: str | None) -> PagedList[Run]:
        return client.search_runs([experiment], max_results=size, page_token=token)

    return list(get_results_from_paginated_fn(search, 1000))


def _import_run(client: MlflowClient, experiment: str, parent: str, *, sha256: str, path: Path, project: Path) -> None:
    """Make one nested run from a record, its metrics.json and its history.parquet."""
    from mlflow.entities import Param, RunTag

    name = path.relative_to(project).as_posix()
    with decoding(f"{name} is no readable record", "`msd audit` says more"):
        content = json.loads(path.read_text(encoding="utf-8"))
        tags = {"mlflow.parentRunId": parent, RECORD: name} | _tags(name, content)
        began, ended = (_milliseconds(content[key]) for key in ("started", "ended"))
        title = f"{content['rule']} {'/'.join(Path(name).parent.parts[2:])}".strip()
        params = [Param(safe_name(key), _text(value)) for key, value in leaves(content["params"])]
        datasets = prepared_splits(content)
        metrics = list(values(content, project, ended))
    run = client.create_run(experiment, start_time=began, tags=tags, run_name=title).info.run_id
    if datasets:
        client.log_inputs(run, datasets=dataset_inputs(datasets))
    for start in range(0, len(params), BATCH_PARAMS):
        client.log_batch(run, params=params[start : start + BATCH_PARAMS])
    for start in range(0, len(metrics), BATCH_METRICS):
        client.log_batch(run, metrics=metrics[start : start + BATCH_METRICS])
    client.set_terminated(run, "FINISHED", ended)
    client.log_batch(run, tags=[RunTag(DONE, sha256)])


def _tags(name: str, content: dict[str, Any]) -> dict[str, str]:
    """Rule, commit, and the dataset, method and variant that the record's folder stands for."""
    tags = _place(name) | {"rule": content["rule"], "git_commit": content["git"]["commit"] or "none"}
    splits = prepared_splits(content)
    return tags | {f"dataset_sha256.{split}": item["sha256"] for split, item in splits.items()}


def _place(name: str) -> dict[str, str]:
    """The dataset, method and variant, or the encoder, that the folder of the record `name` stands for."""
    top, kind, *rest = (*Path(name).parent.parts[1:], "", "")
    keys: tuple[str, ...] = FOLDERS.get(kind, ())
    if top == "data":
        keys, rest = (("encoder",), rest) if kind == "encoders" else (("dataset",), [kind])
    return {key: value for key, value in zip(keys, rest, strict=False) if value}


def _text(value: Any) -> str:
    """A parameter as text, cut to the length that MLflow takes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
