# Files of the MSD study whose teachers a study of the Modality Focusing Hypothesis reads.
from types import SimpleNamespace


def asked_teachers(dataset):
    """The names of all teachers of a dataset."""
    return [f"seed-{seed}" for seed in study.teachers.msd.teacher_seeds(dataset)]


def each_teacher(file):
    """Input function: a file of each teacher of a dataset."""
    return lambda wildcards: expand(
        file, dataset=wildcards.dataset, teacher=asked_teachers(wildcards.dataset)
    )


def teacher_regions(name):
    """Input function: a file of the features that the teachers of a dataset read."""
    return lambda wildcards: (
        f"{DATA}/{wildcards.dataset}/features/"
        f"{study.teachers.msd.extractor(wildcards.dataset).name}/{name}"
    )


def of_teachers(files):
    """Files of all datasets, and of all teachers and both modalities where the file has one."""
    given = [files] if isinstance(files, str) or callable(files) else files
    return [
        path
        for dataset in study.teachers.datasets
        for file in given
        for path in (
            [file(SimpleNamespace(dataset=dataset))]
            if callable(file)
            else expand(
                file,
                dataset=dataset,
                teacher=asked_teachers(dataset),
                modality=["image", "text"],
            )
        )
    ]


def check_teachers(files):
    """Refuse to start before the study of the teachers has made `files`."""
    for file in of_teachers(files):
        if not Path(file).is_file():
            raise WorkflowError(
                f"{file} is not there: the teachers of the study {study.teachers.msd.study} come first. `snakemake "
                f"--configfile {study.teachers.study} outputs_all` makes them, and `make reproduce-mfh` both studies."
            )
