"""The records that the jobs of a synthetic study would have left: the chain from downloads to tables and figures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from synthetic_study import DATASETS, parameters

from msd.job import Job, plain
from msd.lineage.digest import file_sha256
from msd.lineage.record import describe_inputs, describe_outputs, seal
from msd.system.temporary import paths_of

CLAIMS = Path(__file__).parents[1] / "config/claims.yaml"
ENVIRONMENT: dict[str, Any] = {
    "git": {"commit": "c0ffee", "dirty": True},
    "lock_sha256": "ab" * 32,
    "versions": {"python": "3.11", "torch": "2.13.0"},
    "cpu": {"model": "A processor", "count": 2},
    "gpu": None,
}


def write_record(rule: str, folder: str, *, outputs: Iterable[str], inputs: Iterable[str] = (), **params: Any) -> None:
    """`folder`/record.json of a job that read and wrote these files, below the working folder."""
    code = {"digest": f"{rule:0<64}"[:64], "modules": {f"msd.{rule}": "cd" * 32}}
    content = {"rule": rule, "params": params, "seeds": params.get("seeds", []), "code": code, **ENVIRONMENT}
    content |= {"inputs": describe_inputs(inputs), "outputs": describe_outputs({path: path for path in outputs})}
    content |= {"claims_sha256": file_sha256(CLAIMS)} if rule == "student" else {}
    content |= {"started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:01:00+00:00"}
    content |= {"wall_seconds": 60.0, "peak_memory_bytes": 2**28}
    text = json.dumps(content | {"seal": seal(content)}, indent=1, sort_keys=True)
    Path(folder, "record.json").write_text(text + "\n", encoding="utf-8")


def write_chain(study: str, datasets: Iterable[str] = DATASETS) -> None:
    """Records of all jobs before `collect`, in the working folder."""
    for dataset in datasets:
        data, of_teachers = f"results/data/{dataset}", {}
        probe, cost = f"results/{study}/probes/{dataset}", f"results/{study}/costs/{dataset}"
        raw, prepared = [f"{data}/raw/data.zip", f"{data}/source.json"], _files(f"{data}/prepared")
        write_record("fetch", data, outputs=raw, name=dataset)
        write_record("prepare", f"{data}/prepared", inputs=raw[:1], outputs=prepared, name=dataset)
        for teacher in sorted(Path(f"results/{study}/teachers/{dataset}").iterdir()):
            seed, model = int(teacher.name.removeprefix("seed-")), [f"{teacher}/history.parquet"]
            write_record("teacher", str(teacher), inputs=prepared, outputs=model, seed=seed, seeds=[seed])
            answers = _files(f"{teacher}/outputs")
            write_record("teacher_outputs", f"{teacher}/outputs", inputs=[*prepared, *model], outputs=answers)
            moves = _files(f"{teacher}/saliency")
            write_record("saliency", f"{teacher}/saliency", inputs=[*prepared, *answers], outputs=moves)
            of_teachers[seed] = [*answers, *moves]
        write_record("probe", probe, inputs=prepared, outputs=_files(probe))
        for run in sorted(Path(f"results/{study}/students/{dataset}").glob("*/*/*")):
            seeds = list(range(int(run.name.split("-")[1]), int(run.name.split("-")[2]) + 1))
            own = {"method": run.parent.parent.name, "parameters": parameters(run.parent.name), "seeds": seeds}
            taught_by = dict.fromkeys(yaml.safe_load((run / "run.yaml").read_text())["teachers"])
            read = [file for teacher in taught_by for file in of_teachers[teacher]]
            write_record("student", str(run), inputs=[*prepared, *read], outputs=_files(str(run)), **own)
        measured = [*model, *_files(f"results/{study}/students/{dataset}/finetune/only/seeds-0-1")]
        write_record("cost", cost, inputs=measured, outputs=_files(cost))


def record_job(job: Job) -> None:
    """The record of a reporting job that a test ran as a function; it lies in the folder of the job's first output."""
    outputs = paths_of(job.outputs)
    write_record(
        job.rule, str(Path(outputs[0]).parent), inputs=paths_of(job.inputs), outputs=outputs, **plain(job.params)
    )


def _files(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).iterdir() if path.is_file() and path.name != "record.json")
