# Files of the MSD study whose teachers a study of the Modality Focusing Hypothesis reads.
def of_teachers(files):
    """Files of all datasets, and of both modalities where the file has one."""
    return expand(files, dataset=study.teachers.datasets, modality=["image", "text"])


def check_teachers(files):
    """Refuse to start before the study of the teachers has made `files`."""
    for file in of_teachers(files):
        if not Path(file).is_file():
            raise WorkflowError(
                f"{file} is not there: the teachers of the study {study.teachers.msd.study} come first. `snakemake "
                f"--configfile {study.teachers.study} outputs_all` makes them, and `make reproduce-mfh` both studies."
            )
