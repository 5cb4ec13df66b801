# teacher_variants → unimodal_students: the hypothesis on the teachers of an MSD study, whose files are read as they are.
TAUGHT_TABLES = ["predictions", "gain_rank", "variants", "gamma"]
TAUGHT_FIGURES = ["gain-rank"]
TAUGHT_CAPTIONS = ["workflow/report/gain.rst"]
taught = study.teachers.msd
READ = f"{DATA}/{{dataset}}"
TEXT_ENCODER = taught.encoder_configs[taught.data.text_encoder]
MSD_FILES = {
    **{split: f"{READ}/prepared/{split}.parquet" for split in SPLITS},
    "labels": f"{READ}/prepared/labels.json",
    **{
        f"{split}_outputs": f"results/{taught.study}/teachers/{{dataset}}/outputs/{split}.safetensors"
        for split in SPLITS
    },
}
STUDENT_FILES = {
    "tokenizer": f"{READ}/tokenizer/{TEXT_ENCODER.name}/tokenizer.json",
    "encoder": f"{DATA}/encoders/{TEXT_ENCODER.name}/raw/{TEXT_ENCODER.sources[0].file}",
    "regions": f"{READ}/features/{taught.data.extractor}/regions.npy",
    "spec": f"{READ}/features/{taught.data.extractor}/spec.json",
}

for file in expand(
    [*MSD_FILES.values(), *STUDENT_FILES.values()], dataset=study.teachers.datasets
):
    if not Path(file).is_file():
        raise WorkflowError(
            f"{file} is not there: the teachers of the study {taught.study} come first. `snakemake --configfile "
            f"{study.teachers.study} outputs_all` makes them, and `make reproduce-mfh` both studies."
        )

TEACHER_VARIANTS = Stage(
    "teacher_variants",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.teachers.variants_params(wildcards.dataset),
)


rule teacher_variants:
    input:
        **MSD_FILES,
    output:
        channels=f"{RESULTS}/teachers/{{dataset}}/channels.parquet",
        gamma=f"{RESULTS}/teachers/{{dataset}}/gamma.json",
        scores=f"{RESULTS}/teachers/{{dataset}}/scores.safetensors",
        metrics=f"{RESULTS}/teachers/{{dataset}}/metrics.json",
        record=f"{RESULTS}/teachers/{{dataset}}/record.json",
    log:
        TEACHER_VARIANTS.log,
    benchmark:
        TEACHER_VARIANTS.benchmark
    priority: FIRST
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=TEACHER_VARIANTS.code,
        settings=TEACHER_VARIANTS.settings,
        job=TEACHER_VARIANTS.job,
    message:
        "Measure γ of the teacher of {wildcards.dataset} and of its variants"
    shell:
        "python -m msd stage teacher_variants {params.job:q}"


UNIMODAL_STUDENTS = Stage(
    "unimodal_students",
    RESULTS,
    "{dataset}-{modality}",
    lambda wildcards: study.teachers.students_params(
        wildcards.dataset, wildcards.modality
    ),
)
UNIMODAL = f"{RESULTS}/unimodal/{{dataset}}/{{modality}}"


rule unimodal_students:
    input:
        **MSD_FILES,
        **STUDENT_FILES,
        channels=rules.teacher_variants.output.channels,
    output:
        scores=f"{UNIMODAL}/scores.safetensors",
        metrics_table=f"{UNIMODAL}/metrics.parquet",
        metrics=f"{UNIMODAL}/metrics.json",
        record=f"{UNIMODAL}/record.json",
    log:
        UNIMODAL_STUDENTS.log,
    benchmark:
        UNIMODAL_STUDENTS.benchmark
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        code=UNIMODAL_STUDENTS.code,
        settings=UNIMODAL_STUDENTS.settings,
        job=UNIMODAL_STUDENTS.job,
    message:
        "Train the students of {wildcards.dataset} that read {wildcards.modality} alone"
    shell:
        "python -m msd stage unimodal_students {params.job:q}"


def of_taught(files):
    """Files of all datasets, and of both modalities where the file has one."""
    return expand(files, dataset=study.teachers.datasets, modality=["image", "text"])


# What the tables read.
TAUGHT = {
    "teacher_gamma": of_taught(rules.teacher_variants.output.gamma),
    "teacher_scores": of_taught(rules.teacher_variants.output.scores),
    "teacher_prepared": of_taught(MSD_FILES["test"]),
    "student_scores": of_taught(rules.unimodal_students.output.scores),
}
TAUGHT_ARTEFACTS = [
    *of_taught(rules.teacher_variants.output),
    *of_taught(rules.unimodal_students.output),
]
