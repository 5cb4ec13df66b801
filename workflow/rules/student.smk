# The grid: one job trains one configuration of one method with a block of seeds; some of them choose for the others.
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
        unpack(files_of_teachers),
        unpack(students_start),
        **READ["student"],
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
    threads: STUDENT.threads
    resources:
        **STUDENT.resources(mem_mb=3000, runtime=600),
    params:
        **STUDENT.params,
    message:
        "Train {wildcards.method} ({wildcards.variant}, {wildcards.seeds}) on {wildcards.dataset}"
    shell:
        STUDENT.shell


CHOICE = f"{RESULTS}/choices/{{dataset}}/{{method}}"
CHOOSE = Stage(
    "choose",
    RESULTS,
    "{dataset}-{method}",
    lambda wildcards: study.collect_params(wildcards.dataset, wildcards.method),
)


rule choose:
    input:
        **{name: DATASET[name] for name in ("val", "labels")},
        metrics=searched_files("metrics_table"),
        runs=searched_files("run"),
        predictions=searched_files("predictions"),
    output:
        **recorded(CHOICE),
        choice=f"{CHOICE}/choice.json",
    log:
        CHOOSE.log,
    benchmark:
        CHOOSE.benchmark
    resources:
        **CHOOSE.resources(mem_mb=1000, runtime=30),
    params:
        **CHOOSE.params,
    message:
        "Choose the point of {wildcards.method} on {wildcards.dataset} that all its seeds train"
    shell:
        CHOOSE.shell
