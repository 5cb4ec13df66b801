# Files of the MSD study whose teachers a study of the Modality Focusing Hypothesis reads.
from types import SimpleNamespace


def first_teacher(file):
    """Input function: a file of the first teacher of a dataset, the one that is asked here."""

    def of_dataset(wildcards):
        seed = study.teachers.msd.teacher_seeds(wildcards.dataset)[0]
        return file.format(dataset=wildcards.dataset, teacher=f"seed-{seed}")

    return of_dataset


def of_teachers(files):
    """Files of all datasets, and of both modalities where the file has one."""
    given = [files] if isinstance(files, str) or callable(files) else files
    return [
        path
        for file in given
        for dataset in study.teachers.datasets
        for path in (
            [file(SimpleNamespace(dataset=dataset))]
            if callable(file)
            else expand(file, dataset=dataset, modality=["image", "text"])
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
