# What the rules share: the study, the paths, and the Stage of each rule.
import json
import shlex
import sys
from pathlib import Path

from msd.config.files import fetch_params
from msd.errors import UserError
from msd.job import STAGES, plain
from msd.lineage.digest import code_digest
from msd.tables.names import table_names
from msd.studies import open_study
from msd.config.study import Run

if len(workflow.configfiles) > 1:
    raise WorkflowError("give one --configfile: a study is one file")
STUDY_FILE = workflow.configfiles[0] if workflow.configfiles else "config/demo.yaml"
CHANGES = dict(workflow.config_settings.config or {})
try:
    study = open_study(str(STUDY_FILE), overrides=CHANGES)
except UserError as error:
    raise WorkflowError(str(error)) from None

# Jobs run the Python that runs Snakemake, whether or not its environment is activated.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

DATA = "results/data"
RESULTS = f"results/{study.study}"
SPLITS = ["train", "val", "test"]
FIRST = (
    10  # priority of the chain up to the teacher's outputs, which all students wait for
)


wildcard_constraints:
    dataset="[^/]+",
    method="[^/]+",
    variant="[^/]+",
    seeds=r"seeds-\d+-\d+",


class Stage:
    """A stage of the package (`msd stage <name>`) as the directives of its rule use it.

    `name` is also the folder of its logs and benchmarks below `folder`, `file` their
    name, with wildcards. `params` and `modules` are functions of the wildcards: what
    the job is told, and plugins whose source decides its result besides the stage's.
    """

    def __init__(self, name, folder, file, params, modules=lambda wildcards: []):
        self.log = f"{folder}/logs/{name}/{file}.log"
        self.benchmark = f"{folder}/benchmarks/{name}/{file}.tsv"
        self._params = params
        self._modules = lambda w: [STAGES[name].partition(":")[0], *modules(w)]

    def code(self, wildcards):
        """Digest of the job's code: Snakemake sees no edits to an imported package."""
        return code_digest(self._modules(wildcards))

    def settings(self, wildcards):
        """The job's parameters: Snakemake compares no params that depend on files, as `job` does."""
        return json.dumps(plain(self._params(wildcards)))

    def job(self, wildcards, input, output):
        """The job as JSON, all that `msd stage` needs to know."""
        content = {
            "params": plain(self._params(wildcards)),
            "inputs": named(input),
            "outputs": named(output),
            "modules": self._modules(wildcards),
            "log": self.log.format(**wildcards),
        }
        return json.dumps(content)


def named(files):
    """name -> path or list of paths of a rule's named files."""
    return {
        name: value if isinstance(value, str) else list(value)
        for name, value in files.items()
    }


def of_datasets(files):
    """Files of all datasets of the study."""
    return expand(files, dataset=study.datasets)


def of_cells(files):
    """Files of all cells: every method on every dataset."""
    return expand(files, dataset=study.datasets, method=study.methods)


def shown(folder, name, form):
    """A table or figure of the study, marked for `snakemake --report`.

    Tables share a caption; figures have one for each kind, the name up to a dash.
    """
    return report(
        f"{RESULTS}/{folder}/{name}.{form}",
        caption=f"../report/{folder if folder == 'tables' else name.split('-')[0]}.rst",
        category=folder.capitalize(),
        labels={"name": name, "format": form},
    )


def fetch_rule(config):
    """The name of a source's rule: rules are Python names."""
    return f"fetch_{config.name.replace('-', '_')}"


def source_folder(name):
    return f"{DATA}/{name}" if name in study.datasets else f"{DATA}/encoders/{name}"


def raw_files(wildcards):
    sources = study.dataset_configs[wildcards.dataset].sources
    return [f"{source_folder(wildcards.dataset)}/raw/{item.file}" for item in sources]


def encoder_file(name):
    return f"{source_folder(name)}/raw/{study.encoder_configs[name].sources[0].file}"


def dataset_module(wildcards):
    return [f"msd.data.readers.{wildcards.dataset.replace('-', '_')}"]


def extractor_module(wildcards):
    return [f"msd.features.{study.encoder_configs[study.data.extractor].module}"]


def method_module(wildcards):
    implementation = study.method_configs[wildcards.method].implementation
    return [f"msd.distill.methods.{implementation}"]


def run_params(wildcards):
    return study.student_params(Run(**wildcards))


def run_files(name, runs):
    """One output of the rule student for each of `runs`."""
    return [rules.student.output[name].format(**run._asdict()) for run in runs]


def live_teacher(wildcards):
    """What a student's job reads of its teacher besides the cached answers."""
    kind = study.method_configs[wildcards.method].teacher
    if kind == "model":
        files = rules.teacher.output
        return {
            "teacher_model": files.model.format(**wildcards),
            "teacher_config": files.config.format(**wildcards),
        }
    if kind == "student":
        source = study.from_scratch(Run(**wildcards))
        return {"teacher_students": run_files("models", [source])[0]}
    return {}


def measured_student(wildcards):
    """The run whose first student stands for all: they share one architecture."""
    return next(
        run
        for run in study.runs
        if (run.dataset, run.method) == (wildcards.dataset, study.report.from_scratch)
    )


def measured_models(wildcards):
    return run_files("models", [measured_student(wildcards)])[0]


def cell_files(name):
    """Input function: one output of each run of a cell, in the order of the grid."""
    return lambda cell: run_files(
        name,
        [
            run
            for run in study.runs
            if (run.dataset, run.method) == (cell.dataset, cell.method)
        ],
    )
