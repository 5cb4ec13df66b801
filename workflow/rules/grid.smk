# Which files and modules the jobs of an MSD study use: functions of wildcards, runs and cells.
from msd.config.study import Run


def of_cells(files):
    """Files of all cells: every method on every dataset."""
    return expand(files, dataset=study.datasets, method=study.methods)


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
    """What a student's job reads of its teacher besides the cached outputs."""
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


def word_table(wildcards):
    """The text encoder, where the students' words start from it."""
    if study.training("student", wildcards.dataset).words == "scratch":
        return {}
    return {"encoder": encoder_file(study.data.text_encoder)}


def runs_of(dataset, method):
    """The runs of a cell, in the order of the grid."""
    return [run for run in study.runs if (run.dataset, run.method) == (dataset, method)]


def measured_student(wildcards):
    """The run whose first student stands for all: they share one architecture."""
    return runs_of(wildcards.dataset, study.report.from_scratch)[0]


def measured_models(wildcards):
    return run_files("models", [measured_student(wildcards)])[0]


def cell_files(name):
    """Input function: one output of each run of a cell."""
    return lambda cell: run_files(name, runs_of(cell.dataset, cell.method))
