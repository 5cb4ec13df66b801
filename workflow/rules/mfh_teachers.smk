# teacher_variants: γ of each teacher of each dataset of an MSD study, whose files are read as they are.
TEACHER_STUDY = study.teachers.msd
MSD_DATA = f"{DATA}/{{dataset}}"
MSD_OUTPUTS = f"results/{TEACHER_STUDY.study}/teachers/{{dataset}}/{{teacher}}/outputs"
TEACHER_FILES = {
    **{split: f"{MSD_DATA}/prepared/{split}.parquet" for split in SPLITS},
    "labels": f"{MSD_DATA}/prepared/labels.json",
    **{f"{split}_outputs": f"{MSD_OUTPUTS}/{split}.safetensors" for split in SPLITS},
}
VARIANTS = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}"
TEACHER_VARIANTS = Stage(
    "teacher_variants",
    RESULTS,
    "{dataset}-{teacher}",
    lambda wildcards: study.teachers.variants_params(
        wildcards.dataset, int(wildcards.teacher.removeprefix("seed-"))
    ),
)


rule teacher_variants:
    input:
        **TEACHER_FILES,
    output:
        **recorded(VARIANTS),
        channels=f"{VARIANTS}/channels.parquet",
        gamma=f"{VARIANTS}/gamma.safetensors",
        scores=f"{VARIANTS}/scores.safetensors",
    log:
        TEACHER_VARIANTS.log,
    benchmark:
        TEACHER_VARIANTS.benchmark
    priority: FIRST
    resources:
        **TEACHER_VARIANTS.resources(mem_mb=2000, runtime=60),
    params:
        **TEACHER_VARIANTS.params,
    message:
        "Measure γ of a teacher of {wildcards.dataset} ({wildcards.teacher}) and of its variants"
    shell:
        TEACHER_VARIANTS.shell
