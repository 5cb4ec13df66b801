# How a rule runs a stage of the package.
import functools
import json
from pathlib import Path

from msd.running.gpu_slots import wanted
from msd.job import STAGES, plain, write_job
from msd.lineage.digest import code_digest
from msd.planning.prices import price, requested


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
        self._name, self._folder, self._known = name, folder, {}
        self._file = f"{folder}/jobs/{name}/{file}.json"
        self._parameters = settings
        self._modules = lambda w: [STAGES[name][0].partition(":")[0], *modules(w)]

    def resources(self, **unknown):
        """What a job asks for, by its price; `unknown` (mem_mb, runtime) where it has none."""

        def of(name):
            return lambda wildcards, input, attempt: requested(
                self._needs(wildcards, input)[0], **unknown, attempt=attempt
            )[name]

        def gpu(wildcards, input):
            return self._needs(wildcards, input)[1]

        return {"mem_mb": of("mem_mb"), "runtime": of("runtime"), "gpu": gpu}

    def _needs(self, wildcards, input):
        """Price and GPUs of a job; `auto` means a GPU where the call has any (`--resources gpu=4`)."""
        key = tuple(wildcards)
        if key not in self._known:  # once of a job: a study may have thousands
            params = self._parameters(wildcards)
            prefix = getattr(wildcards, "dataset", "")
            has_any = bool(workflow.global_resources.get("gpu").value)
            self._known[key] = (
                price(self._name, params, named(input), self._folder, prefix),
                wanted(self._name, plain(params), any_there=has_any),
            )
        return self._known[key]

    def threads(self, wildcards):
        """Processes of a training, each of one thread."""
        return self._parameters(wildcards).engine.processes

    def _code(self, wildcards):
        """Digest of the job's code: Snakemake sees no edits to an imported package."""
        return digest_of(tuple(self._modules(wildcards)))

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


@functools.cache
def digest_of(modules):
    """Digest of the code of `modules` as this call of Snakemake found it."""
    return code_digest(modules, package=CODE)


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
