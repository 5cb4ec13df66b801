"""What a student's job costs besides its steps, in processor seconds: jobs of the embedded study, with one step.

    make reproduce bench

A job of KD of each dataset runs with one seed and one step, several times; beside it PyTorch's import alone. All else
that it does is as ever: it reads, trains, validates, predicts both evaluated splits by three views, hashes and records.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROUNDS = 5
JOBS, FOLDER = Path("results/demo/jobs/student"), Path("results/demo/bench")


def processor_seconds(*command: str) -> float:
    """Of a program that runs to its end, all its threads together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_step(file: Path) -> Path:
    """The file of the same job with its first seed and one step, which writes elsewhere."""
    description: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    params = description["params"]
    params |= {"seeds": params["seeds"][:1], "teachers": params["teachers"][:1]}
    params["schedule"]["max_steps"] = 1
    inputs = description["inputs"]
    description["inputs"] = {name: files[0] if isinstance(files, list) else files for name, files in inputs.items()}
    outputs = description["outputs"].items()
    description["outputs"] = {name: str(FOLDER / file.stem / Path(path).name) for name, path in outputs}
    description["log"] = str(FOLDER / f"{file.stem}.log")
    own = FOLDER / file.name
    own.write_text(json.dumps(description), encoding="utf-8")
    return own


def main() -> None:
    """Print a Markdown table."""
    files = sorted(JOBS.glob("*-kd-default-*.json"))
    if not files:
        sys.exit("there are no students of the embedded study; run `make reproduce` first")
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        jobs = {file.stem.partition("-kd-")[0]: one_step(file) for file in files}
        imports, times = [], {dataset: list[float]() for dataset in jobs}
        for _ in range(ROUNDS):
            imports.append(processor_seconds("-c", "import torch"))
            for dataset, job in jobs.items():
                times[dataset].append(processor_seconds("-m", "msd", "stage", "student", str(job)))
    finally:
        shutil.rmtree(FOLDER)
    print("| a student's job of one step | processor seconds |\n|---|---:|")
    for dataset, seconds in times.items():
        print(f"| {dataset} | {statistics.median(seconds):.2f} |")
    print(f"| `import torch` alone | {statistics.median(imports):.2f} |")


if __name__ == "__main__":
    main()
