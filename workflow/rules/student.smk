# The grid: one job trains one configuration of one method with a block of seeds.
STUDENT = Stage(
    "student",
    RESULTS,
    "{dataset}-{method}-{variant}-{seeds}",
    run_params,
    method_module,
)
RUN = f"{RESULTS}/students/{{dataset}}/{{method}}/{{variant}}/{{seeds}}"


rule student:
    input:
        unpack(live_teacher),
        **DATASET,
        **OUTPUTS,
        saliency=rules.saliency.output.train,
    output:
        metrics_table=f"{RUN}/metrics.parquet",
        predictions=f"{RUN}/predictions.safetensors",
        history=f"{RUN}/history.parquet",
        models=f"{RUN}/models.safetensors",
        run=f"{RUN}/run.yaml",
        metrics=f"{RUN}/metrics.json",
        record=f"{RUN}/record.json",
    log:
        STUDENT.log,
    benchmark:
        STUDENT.benchmark
    resources:
        mem_mb=3000,
        runtime=600,
    params:
        code=STUDENT.code,
        settings=STUDENT.settings,
        job=STUDENT.job,
    message:
        "Train {wildcards.method} ({wildcards.variant}, {wildcards.seeds}) on {wildcards.dataset}"
    shell:
        "python -m msd stage student {params.job:q}"
