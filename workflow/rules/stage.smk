# How a rule runs a stage of the package.
import functools
import json

from msd.job import STAGES, plain, write_job
from msd.lineage.digest import code_digest


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
        self._file = f"{folder}/jobs/{name}/{file}.json"
        self._parameters = settings
        self._modules = lambda w: [STAGES[name][0].partition(":")[0], *modules(w)]

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
    return code_digest(modules)


class JobFile(str):
    """The path of the file that describes a job to `msd stage`.

    Every call of Snakemake evaluates the params of all jobs, but only the command of
    a job that is starting, or shown by a dry run, has its `written` formatted.
    """

    def __new__(cls, path, describe):
        file = super().__new__(cls, path)
        file.describe = describe
        return file

    @property
    def written(self):
        """The path; what lies there now is the job's description."""
        if not (workflow.dryrun or workflow.touch):
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
