import json
import os
import sys
from pathlib import Path

from msd.errors import UserError
from msd.job import STAGES
from msd.lineage.digest import code_digest
from msd.study import Run, load_study

if len(workflow.configfiles) > 1:
    raise WorkflowError("give one --configfile: a study is one file")
STUDY_FILE = str(workflow.configfiles[0]) if workflow.configfiles else "config/demo.yaml"
try:
    study = load_study(STUDY_FILE, overrides=dict(workflow.config_settings.config or {}))
except UserError as error:
    raise WorkflowError(str(error)) from None

# Jobs run the Python that runs Snakemake, whether or not its environment is activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

DATA = "results/data"
RESULTS = f"results/{study.study}"
SPLITS = ["train", "val", "test"]


wildcard_constraints:
    dataset="[^/]+",
    encoder="[^/]+",
    extractor="[^/]+",
    method="[^/]+",
    variant="[^/]+",
    seeds=r"seeds-\d+-\d+",


def modules(stage, *more):
    """The modules whose source decides what a stage writes."""
    return [STAGES[stage].partition(":")[0], *more]


def code(stage, more=None):
    """Params function: the digest of a job's code, since Snakemake does not see edits to an imported package."""
    return lambda wildcards: code_digest(modules(stage, *(more(wildcards) if more else ())))


def job(stage, log, params, more=None):
    """Params function: the job as JSON for `msd stage`. `params` and `more` (modules) are functions of wildcards."""

    def describe(wildcards, input, output):
        content = {
            "params": params(wildcards),
            "inputs": named(input),
            "outputs": named(output),
            "modules": modules(stage, *(more(wildcards) if more else ())),
            "log": log.format(**wildcards),
        }
        return json.dumps(content, sort_keys=True)

    return describe


def named(files):
    """name -> path or list of paths of a rule's named files."""
    return {name: value if isinstance(value, str) else list(value) for name, value in files.items()}
