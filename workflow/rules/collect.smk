# student → collect: the selected configuration of each method on each dataset.
CELL = f"{RESULTS}/cells/{{dataset}}/{{method}}"
COLLECT = Stage(
    "collect",
    RESULTS,
    "{dataset}-{method}",
    lambda wildcards: study.collect_params(wildcards.dataset, wildcards.method),
)


rule collect:
    input:
        **{name: DATASET[name] for name in ("val", "test", "labels")},
        metrics=cell_files("metrics_table"),
        runs=cell_files("run"),
        predictions=cell_files("predictions"),
    output:
        cell=f"{CELL}/cell.json",
        predictions=f"{CELL}/predictions.safetensors",
        record=f"{CELL}/record.json",
    log:
        COLLECT.log,
    benchmark:
        COLLECT.benchmark
    resources:
        **COLLECT.resources(mem_mb=1000, runtime=30),
    params:
        **COLLECT.params,
    message:
        "Choose the configuration of {wildcards.method} on {wildcards.dataset} by validation"
    shell:
        COLLECT.shell
