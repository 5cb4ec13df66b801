# crossmodal: the paper's data sets whose folders the study names; no names, no jobs.
CROSSMODAL = Stage(
    "crossmodal",
    RESULTS,
    "{name}",
    lambda wildcards: study.crossmodal_params(wildcards.name),
)


rule crossmodal:
    # The data lie in a folder of the user's, outside the project: what was read of it, data.json says.
    output:
        runs=f"{RESULTS}/crossmodal/{{name}}/runs.parquet",
        data=f"{RESULTS}/crossmodal/{{name}}/data.json",
        metrics=f"{RESULTS}/crossmodal/{{name}}/metrics.json",
        record=f"{RESULTS}/crossmodal/{{name}}/record.json",
    log:
        CROSSMODAL.log,
    benchmark:
        CROSSMODAL.benchmark
    resources:
        # All samples are held in memory; of VGGSound those of a hundred classes.
        mem_mb=lambda wildcards: (
            100000 if wildcards.name.startswith("vggsound") else 24000
        ),
        runtime=2880,
    params:
        code=CROSSMODAL.code,
        settings=CROSSMODAL.settings,
        job=CROSSMODAL.job,
    message:
        "Train teachers and students of {wildcards.name}"
    shell:
        "python -m msd stage crossmodal {params.job:q}"


CROSSMODAL_NAMES = ["crossmodal"] if study.crossmodal else []
CROSSMODAL_ARTEFACTS = [
    file
    for name in study.crossmodal
    for file in expand(rules.crossmodal.output, name=name)
]
