# How a rule runs a stage of the package.
import json
from pathlib import Path

from msd.job import STAGES, plain, write_job
from msd.lineage.digest import code_digest
from msd.prices import asked, price


class Stage:
    """A stage of the package (`msd stage <name>`) as the directives of its rule use it.

    `name` is also the folder of its logs, benchmarks and job files below `folder`,
    `file` their name, with wildcards. `settings` and `modules` are functions of the
    wildcards: the job's parameters, and plugins whose source decides its result
    besides the stage's.
    """

    def __init__(self, name, folder, file, settings, modules=lambda wildcards: []):
        self.log = f"{folder}/logs/{name}/{file}.log"
        self.benchmark = f"{folder}/benchmarks/{name}/{file}.tsv"
        # Jobs run side by side, and so would their bars.
        self.shell = (
            f"TQDM_DISABLE=1 python -m msd stage {name} {{params.job.written:q}}"
        )
        self.params = {"code": self._code, "settings": self._settings, "job": self._job}
        self._name, self._folder = name, folder
        self._file = f"{folder}/jobs/{name}/{file}.json"
        self._parameters = settings
        self._modules = lambda w: [STAGES[name][0].partition(":")[0], *modules(w)]

    def resources(self, **unknown):
        """What a job asks for, by its price; `unknown` (mem_mb, runtime) where it has none."""

        def of(name):
            return lambda wildcards, input, attempt: self._asked(
                wildcards, input, attempt, unknown
            )[name]

        return {"mem_mb": of("mem_mb"), "runtime": of("runtime"), "gpu": self._gpus}

    def _asked(self, wildcards, input, attempt, unknown):
        params, prefix = self._parameters(wildcards), getattr(wildcards, "dataset", "")
        known = price(self._name, params, named(input), self._folder, prefix)
        return asked(known, **unknown, attempt=attempt)

    def _gpus(self, wildcards):
        """GPUs of a job that trains or runs a model: `auto` means one where the call has any (`--resources gpu=4`)."""
        params = self._parameters(wildcards)
        engine = getattr(params, "engine", params)
        has_any = workflow.global_resources.get("gpu").value
        device = getattr(engine, "device", "cpu")
        wants = device == "cuda" or (device == "auto" and has_any)
        return getattr(engine, "processes", 1) if wants else 0

    def threads(self, wildcards):
        """Processes of a training, each of one thread."""
        return self._parameters(wildcards).engine.processes

    def _code(self, wildcards):
        """Digest of the job's code: Snakemake sees no edits to an imported package."""
        return code_digest(self._modules(wildcards), package=CODE)

    def _settings(self, wildcards):
        """The job's parameters; `job` depends on files, and such params Snakemake does not compare."""
        return json.dumps(plain(self._parameters(wildcards)))

    def _job(self, wildcards, input, output):
        describe = lambda: {
            "params": plain(self._parameters(wildcards)),
            "inputs": named(input),
            "outputs": named(output),
            "modules": self._modules(wildcards),
            "log": self.log.format(**wildcards),
        }
        return JobFile(self._file.format(**wildcards), describe)


class JobFile(str):
    """The path of the file that describes a job to `msd stage`.

    Every call of Snakemake evaluates the params of all jobs, but only the command of
    a job that is starting, or shown by a dry run, has its `written` formatted. The
    call that plans a job writes its file; the Snakemake that runs it on another
    machine, perhaps after the study was edited, takes the file as it is.
    """

    def __new__(cls, path, describe):
        file = super().__new__(cls, path)
        file.describe = describe
        return file

    @property
    def written(self):
        """The path; what lies there now is the job's description."""
        is_planned = not workflow.is_main_process and Path(self).is_file()
        if not (workflow.dryrun or workflow.touch or is_planned):
            write_job(str(self), self.describe())
        return str(self)


def named(files):
    """name -> path or list of paths of a rule's named files."""
    return {
        name: value if isinstance(value, str) else list(value)
        for name, value in files.items()
    }


def recorded(folder):
    """The outputs that all stages with metrics have in their folder."""
    return {"metrics": f"{folder}/metrics.json", "record": f"{folder}/record.json"}
