# teacher_variants → unimodal_students, and what the hypothesis on an MSD study's teachers adds to tables and figures.
TEXT_ENCODER = TEACHER_STUDY.encoder_configs[TEACHER_STUDY.data.text_encoder]
STUDENT_FILES = {
    "tokenizer": f"{MSD_DATA}/tokenizer/{TEXT_ENCODER.name}/tokenizer.json",
    "encoder": f"{DATA}/encoders/{TEXT_ENCODER.name}/raw/{TEXT_ENCODER.sources[0].file}",
    "regions": teacher_regions("regions.npy"),
    "spec": teacher_regions("spec.json"),
}
# What differs between the teachers of a dataset.
OF_EACH = {
    **{f"{split}_outputs": TEACHER_FILES[f"{split}_outputs"] for split in SPLITS},
    "channels": rules.teacher_variants.output.channels,
}
check_teachers([*TEACHER_FILES.values(), *STUDENT_FILES.values()])
UNIMODAL = f"{RESULTS}/unimodal/{{dataset}}/{{modality}}"
UNIMODAL_STUDENTS = Stage(
    "unimodal_students",
    RESULTS,
    "{dataset}-{modality}",
    lambda wildcards: study.teachers.students_params(**wildcards),
)


rule unimodal_students:
    input:
        **TEACHER_FILES
        | STUDENT_FILES
        | {name: each_teacher(file) for name, file in OF_EACH.items()},
    output:
        **recorded(UNIMODAL),
        scores=f"{UNIMODAL}/scores.safetensors",
        metrics_table=f"{UNIMODAL}/metrics.parquet",
    log:
        UNIMODAL_STUDENTS.log,
    benchmark:
        UNIMODAL_STUDENTS.benchmark
    resources:
        **UNIMODAL_STUDENTS.resources(mem_mb=3000, runtime=120),
    params:
        **UNIMODAL_STUDENTS.params,
    message:
        "Train the students of {wildcards.dataset} that read {wildcards.modality} alone"
    shell:
        UNIMODAL_STUDENTS.shell


TABLES += ["predictions", "gain_rank", "variants", "gamma"]
FIGURES += ["gain_rank"]
CAPTIONS += ["workflow/report/gain.rst"]
READ |= {
    "teacher_gamma": of_teachers(rules.teacher_variants.output.gamma),
    "teacher_scores": of_teachers(rules.teacher_variants.output.scores),
    "teacher_prepared": of_teachers(TEACHER_FILES["test"]),
    "student_scores": of_teachers(rules.unimodal_students.output.scores),
}
ARTEFACTS += of_teachers(
    [*rules.teacher_variants.output, *rules.unimodal_students.output]
)
