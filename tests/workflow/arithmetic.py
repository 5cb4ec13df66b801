"""A project of two arithmetic stages that run through workflow/rules/stage.smk and msd.job as the real ones do.

`count` writes numbers, `add` their sum. While a file `hold` exists, `add` waits with half of its output written; while
`fault` exists, it fails there.
"""

from pathlib import Path

from calls import PROJECT

MADE = "made für uns"
LONG = 140_000
"""Characters of a parameter of `add`: the system takes no argument of more than 131,072 bytes."""

STAGES = """
import sys, time
from pathlib import Path

sys.path.insert(0, {project!r})
from msd import job
from msd.running import run_job


def count(job):
    Path(job.outputs["numbers"]).write_text("1 2 3 4")
    return {{}}


def add(job):
    numbers = Path(job.inputs["numbers"]).read_text().split()
    Path(job.outputs["sum"]).write_text("half of the s")
    while Path("hold").exists():
        time.sleep(0.02)
    if Path("fault").exists():
        raise ValueError("the file fault is there: remove it")
    Path(job.outputs["sum"]).write_text(str(sum(map(int, numbers))))
    return {{"sum": sum(map(int, numbers))}}


sys.modules["toy"] = sys.modules["__main__"]
job.STAGES.update(count=("toy:count", None), add=("toy:add", None))
sys.exit(run_job.main(*sys.argv[1:]))
"""

SNAKEFILE = """
import sys
from types import SimpleNamespace
from msd.job import STAGES

study = SimpleNamespace(study="none")

STAGES.update(count=("msd.errors:count", None), add=("msd.errors:add", None))

include: {lock!r}
include: {stage!r}

COUNT = Stage("count", {made!r}, "count", lambda wildcards: {{}})
ADD = Stage("add", {made!r}, "add", lambda wildcards: {{"text": "{letter}" * {long}}})

rule add:
    input: numbers="{made}/count/numbers"
    output: sum="{made}/add/sum", **recorded("{made}/add")
    log: ADD.log
    params: **ADD.params
    shell: "{{sys.executable}} stages.py add {{params.job.written:q}}"

rule count:
    output: numbers="{made}/count/numbers", record="{made}/count/record.json"
    log: COUNT.log
    params: **COUNT.params
    shell: "{{sys.executable}} stages.py count {{params.job.written:q}}"
"""


def write_project(folder: Path, letter: str = "x") -> None:
    """Write the project; `letter` is the setting of `add`."""
    (folder / "stages.py").write_text(STAGES.format(project=str(PROJECT)))
    lock, stage = (str(PROJECT / f"workflow/rules/{name}.smk") for name in ("lock", "stage"))
    (folder / "Snakefile").write_text(SNAKEFILE.format(lock=lock, stage=stage, made=MADE, letter=letter, long=LONG))
