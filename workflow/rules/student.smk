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
        unpack(word_table),
        **DATASET | OUTPUTS,
        saliency=rules.saliency.output.train,
    output:
        **recorded(RUN),
        metrics_table=f"{RUN}/metrics.parquet",
        predictions=f"{RUN}/predictions.safetensors",
        history=f"{RUN}/history.parquet",
        models=f"{RUN}/models.safetensors",
        run=f"{RUN}/run.yaml",
    log:
        STUDENT.log,
    benchmark:
        STUDENT.benchmark
    resources:
        mem_mb=3000,
        runtime=600,
    params:
        **STUDENT.params,
    message:
        "Train {wildcards.method} ({wildcards.variant}, {wildcards.seeds}) on {wildcards.dataset}"
    shell:
        STUDENT.shell
