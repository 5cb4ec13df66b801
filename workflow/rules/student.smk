# The grid: one job trains one configuration of one method with a block of seeds.
def method_module(wildcards):
    implementation = study.method_configs[wildcards.method].implementation
    return [f"msd.distill.methods.{implementation}"]


def run_of(wildcards):
    return Run(wildcards.dataset, wildcards.method, wildcards.variant, wildcards.seeds)


RUN = f"{RESULTS}/students/{{dataset}}/{{method}}/{{variant}}/{{seeds}}"
RUN_NAME = "{dataset}-{method}-{variant}-{seeds}"


rule student:
    message:
        "Train {wildcards.method} ({wildcards.variant}, {wildcards.seeds}) on {wildcards.dataset}"
    input:
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
        f"{RESULTS}/logs/student/{RUN_NAME}.log",
    benchmark:
        f"{RESULTS}/benchmarks/student/{RUN_NAME}.tsv"
    params:
        code=code("student", method_module),
        job=job(
            "student",
            f"{RESULTS}/logs/student/{RUN_NAME}.log",
            lambda wildcards: study.student_params(run_of(wildcards)),
            method_module,
        ),
    resources:
        mem_mb=3000,
        runtime=600,
    shell:
        "python -m msd stage student {params.job:q}"
