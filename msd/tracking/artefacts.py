"""What MLflow is given besides numbers: the data that a job read, and the study's report, tables and figures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

SHOWN = ("report.html", "tables/*", "figures/*")
ARTEFACTS = "msd.artefacts_sha256"
CONTEXTS = {"train": "training", "val": "validation", "test": "testing"}
DIGEST_LENGTH = 36  # MLflow takes no longer one; the tags hold the whole


def prepared_splits(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """<dataset>/<split> -> input of a record, for each prepared table that its job read."""
    splits = {}
    for item in content["inputs"]:
        parts = Path(item["path"]).parts
        if parts[:2] == ("results", "data") and parts[3:4] == ("prepared",) and Path(item["path"]).stem in CONTEXTS:
            splits[f"{parts[2]}/{Path(item['path']).stem}"] = item
    return splits


def dataset_inputs(splits: dict[str, dict[str, Any]]) -> list[DatasetInput]:
    """The prepared tables as MLflow's datasets, with what they were read for."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for split, item in splits.items():
        source = json.dumps({"uri": item["path"], "sha256": item["sha256"], "record": item["record"]})
        profile = json.dumps({"bytes": item["bytes"]})
        digest = item["sha256"][:DIGEST_LENGTH]
        dataset = Dataset(name=split, digest=digest, source_type="local", source=source, profile=profile)
        context = InputTag("mlflow.data.context", CONTEXTS[Path(item["path"]).stem])
        inputs.append(DatasetInput(dataset, [context]))
    return inputs


def log_artefacts(client: MlflowClient, run: str, folder: Path) -> None:
    """Upload the study's report, tables and figures to its parent run, unless they are there already."""
    files = [path for pattern in SHOWN for path in sorted(folder.glob(pattern)) if path.is_file()]
    digests = [f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files]
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    if not files or client.get_run(run).data.tags.get(ARTEFACTS) == digest:
        return
    for path in files:
        parent = path.parent.relative_to(folder).as_posix()
        client.log_artifact(run, str(path), None if parent == "." else parent)
    client.set_tag(run, ARTEFACTS, digest)  # last, so that an upload that broke off is made again
