# collect, cost → tables.
from msd.tables.names import table_names

TASKS = [config.task for config in study.dataset_configs.values()]
NAMES = table_names(list(study.methods), TASKS)
# What tables and figures share.
RESULTS_READ = {
    "cells": of_cells(rules.collect.output.cell),
    "cell_predictions": of_cells(rules.collect.output.predictions),
    "prepared": of_datasets(rules.prepare.output.test),
    "labels": of_datasets(rules.prepare.output.labels),
    "teacher_outputs": of_teachers(rules.teacher_outputs.output.test),
    "teacher_histories": of_teachers(rules.teacher.output.history),
    "histories": run_files("history", study.runs),
}
TABLES = Stage("tables", RESULTS, "tables", lambda wildcards: study.report_params())


rule tables:
    input:
        **RESULTS_READ,
        teacher_metrics=of_teachers(rules.teacher_outputs.output.metrics),
        probes=of_datasets(rules.probe.output.predictions),
        saliency=of_teachers(rules.saliency.output.summary),
        test_saliency=of_teachers(rules.saliency.output.test),
        costs=of_datasets(rules.cost.output.cost),
        claims="config/claims.yaml",
    output:
        tables=[shown("tables", name, form) for name in NAMES for form in FORMS],
        metrics_table=f"{RESULTS}/tables/metrics.json",
        predictions=f"{RESULTS}/tables/predictions.json",
        curves=f"{RESULTS}/tables/curves.csv",
        record=f"{RESULTS}/tables/record.json",
    log:
        TABLES.log,
    benchmark:
        TABLES.benchmark
    resources:
        **TABLES.resources(mem_mb=2000, runtime=60),
    params:
        **TABLES.params,
    message:
        "Make the tables"
    shell:
        TABLES.shell
