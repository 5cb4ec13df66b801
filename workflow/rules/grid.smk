# Which files and modules the jobs of an MSD study use: functions of wildcards, runs and cells.
from msd.config.contracts.tables import CHOSEN
from msd.config.grid import Run


def of_cells(files):
    """Files of all cells: every method on every dataset that it runs on."""
    return [
        file.format(dataset=dataset, method=method)
        for dataset, method in study.cell_configs
        for file in ([files] if isinstance(files, str) else files)
    ]


def of_choices(files):
    """Files of all choices: of every cell whose point some of its seeds choose for the others."""
    cells = {(run.dataset, run.method) for run in study.runs if run.variant == CHOSEN}
    return [
        file.format(dataset=dataset, method=method)
        for dataset, method in study.cell_configs
        if (dataset, method) in cells
        for file in files
    ]


def of_teachers(files, part=None):
    """Files of all teachers of all datasets, or of those of one part."""
    return [
        file.format(dataset=dataset, teacher=f"seed-{seed}")
        for dataset, own in study.datasets.items()
        if part in (None, own.part)
        for seed in study.teacher_seeds(dataset)
        for file in ([files] if isinstance(files, str) else files)
    ]


def of_transfer(files):
    """Files of all datasets whose students learn from pairs without labels."""
    with_pairs = [dataset for dataset in study.datasets if study.pairs(dataset)]
    return [
        file.format(dataset=dataset, teacher=f"seed-{seed}")
        for dataset in with_pairs
        for seed in study.teacher_seeds(dataset)
        for file in files
    ]


def teacher_seed(wildcards):
    return int(wildcards.teacher.removeprefix("seed-"))


def dataset_module(wildcards):
    return [f"msd.data.readers.{study.dataset_configs[wildcards.dataset].reader}"]


def extractor_module(wildcards):
    return [f"msd.features.{study.extractor(wildcards.dataset).module}"]


def extractor_files(wildcards):
    return encoder_files(wildcards.extractor)


def features_file(file):
    """Input function: a file of the features that a dataset's models read."""
    return lambda wildcards: file.format(
        dataset=wildcards.dataset, extractor=study.extractor(wildcards.dataset).name
    )


def of_features(files):
    """Files of the features of all datasets."""
    return [
        file.format(dataset=dataset, extractor=study.extractor(dataset).name)
        for dataset in study.datasets
        for file in files
    ]


def method_module(wildcards):
    implementation = study.method_configs[wildcards.method].implementation
    return [f"msd.distill.methods.{implementation}"]


def run_params(wildcards):
    return study.student_params(Run(**wildcards))


def run_files(name, runs):
    """One output of the rule student for each of `runs`."""
    return [rules.student.output[name].format(**run._asdict()) for run in runs]


def files_of_teachers(wildcards):
    """What a student's job reads of each of its teachers, and of the job that chose its point of the grid."""
    run = Run(**wildcards)
    files = OUTPUTS | {"saliency": rules.saliency.output.train}
    read = {}
    if study.pairs(run.dataset):
        files |= TRANSFERRED
        read["transfer"] = rules.transfer.output.transfer.format(dataset=run.dataset)
    kind = study.method_configs[run.method].teacher
    if kind == "model":
        output = rules.teacher.output
        files |= {"teacher_model": output.model, "teacher_config": output.config}
        if study.model_configs:
            files["teacher_tokenizer"] = output.tokenizer
    for teacher in dict.fromkeys(study.teachers_of(run)):
        for name, file in files.items():
            path = file.format(dataset=run.dataset, teacher=f"seed-{teacher}")
            read.setdefault(name, []).append(path)
    if kind == "student":
        read["teacher_students"] = run_files("models", [study.from_scratch(run)])[0]
    if run.variant == CHOSEN:
        read["choice"] = rules.choose.output.choice.format(**wildcards)
    return read


def measured_student(wildcards):
    """The run whose first student stands for all: they share one architecture."""
    return study.runs_of(wildcards.dataset, study.report.from_scratch)[0]


def measured_teacher(name):
    """Input function: one output of the teacher that stands for all of a dataset."""
    return lambda wildcards: rules.teacher.output[name].format(
        dataset=wildcards.dataset,
        teacher=f"seed-{study.teacher_seeds(wildcards.dataset)[0]}",
    )


def measured_models(wildcards):
    return run_files("models", [measured_student(wildcards)])[0]


def cell_files(name):
    """Input function: one output of each run of a cell."""
    return lambda cell: run_files(name, study.runs_of(cell.dataset, cell.method))


def searched_files(name):
    """Input function: one output of each run of a cell that has a part in choosing its point."""
    return lambda cell: run_files(name, study.searched_runs(cell.dataset, cell.method))
