# collect → tables, figures → report, and the import of everything into MLflow.
NAMES = ["main", "teacher", "views", "saliency"]
FORMS = ["json", "csv", "md", "tex"]
WEIGHTS = ["weights"] if study.report.learned else []
KINDS = ["main", "densities", "saliency", "curves", *WEIGHTS]
FIGURES = ["main", "curves", "saliency", *of_datasets("densities-{dataset}"), *WEIGHTS]
PICTURES = ["svg", "png"]

COLLECT = Stage(
    "collect",
    RESULTS,
    "{dataset}-{method}",
    lambda wildcards: study.collect_params(wildcards.dataset, wildcards.method),
)


rule collect:
    input:
        metrics=cell_files("metrics_table"),
        runs=cell_files("run"),
        predictions=cell_files("predictions"),
    output:
        cell=f"{RESULTS}/cells/{{dataset}}/{{method}}/cell.json",
        predictions=f"{RESULTS}/cells/{{dataset}}/{{method}}/predictions.safetensors",
        record=f"{RESULTS}/cells/{{dataset}}/{{method}}/record.json",
    log:
        COLLECT.log,
    benchmark:
        COLLECT.benchmark
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=COLLECT.code,
        settings=COLLECT.settings,
        job=COLLECT.job,
    message:
        "Choose the configuration of {wildcards.method} on {wildcards.dataset} by validation"
    shell:
        "python -m msd stage collect {params.job:q}"


# What tables and figures share.
REPORTED = {
    "cells": of_cells(rules.collect.output.cell),
    "cell_predictions": of_cells(rules.collect.output.predictions),
    "prepared": of_datasets(rules.prepare.output.test),
    "labels": of_datasets(rules.prepare.output.labels),
    "teacher_outputs": of_datasets(rules.teacher_outputs.output.test),
    "teacher_histories": of_datasets(rules.teacher.output.history),
    "histories": run_files("history", study.runs),
}
TABLES = Stage("tables", RESULTS, "tables", lambda wildcards: study.report_params())


rule tables:
    input:
        **REPORTED,
        probes=of_datasets(rules.probe.output.predictions),
        saliency=of_datasets(rules.saliency.output.summary),
    output:
        tables=[shown("tables", name, form) for name in NAMES for form in FORMS],
        metrics_table=f"{RESULTS}/tables/metrics.json",
        curves=f"{RESULTS}/tables/curves.csv",
        record=f"{RESULTS}/tables/record.json",
    log:
        TABLES.log,
    benchmark:
        TABLES.benchmark
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=TABLES.code,
        settings=TABLES.settings,
        job=TABLES.job,
    message:
        "Make the tables"
    shell:
        "python -m msd stage tables {params.job:q}"


DRAW = Stage("figures", RESULTS, "figures", lambda wildcards: study.report_params())


rule figures:
    input:
        **REPORTED,
        saliency=of_datasets(rules.saliency.output.test),
        train_saliency=of_datasets(rules.saliency.output.train),
        main=f"{RESULTS}/tables/main.json",
    output:
        figures=[shown("figures", name, form) for name in FIGURES for form in PICTURES],
        record=f"{RESULTS}/figures/record.json",
    log:
        DRAW.log,
    benchmark:
        DRAW.benchmark
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=DRAW.code,
        settings=DRAW.settings,
        job=DRAW.job,
    message:
        "Draw the figures"
    shell:
        "python -m msd stage figures {params.job:q}"


RESOLVE = Stage("resolve", RESULTS, "resolve", lambda wildcards: study.resolved())


rule resolve:
    output:
        study=f"{RESULTS}/config/study.yaml",
        record=f"{RESULTS}/config/record.json",
    log:
        RESOLVE.log,
    benchmark:
        RESOLVE.benchmark
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=RESOLVE.code,
        settings=RESOLVE.settings,
        job=RESOLVE.job,
    message:
        "Write down the study with everything it names"
    shell:
        "python -m msd stage resolve {params.job:q}"


REPORT = Stage("report", RESULTS, "report", lambda wildcards: study.report_params())


rule write_report:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in NAMES],
        figures=[f"{RESULTS}/figures/{name}.svg" for name in FIGURES],
        captions=[f"workflow/report/{kind}.rst" for kind in KINDS],
        cells=REPORTED["cells"],
        sources=[f"{source_folder(config.name)}/source.json" for config in SOURCES],
        study=rules.resolve.output.study,
        environment=f"{RESULTS}/tables/record.json",
        template="msd/reporting/templates/report.html.j2",
    output:
        report=report(
            f"{RESULTS}/report.html", caption="../report/report.rst", category="Report"
        ),
        record=f"{RESULTS}/record.json",
    log:
        REPORT.log,
    benchmark:
        REPORT.benchmark
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=REPORT.code,
        settings=REPORT.settings,
        job=REPORT.job,
    message:
        "Write the report"
    shell:
        "python -m msd stage report {params.job:q}"


# The targets of dvc.yaml's stages, each useful by itself: `snakemake teachers`.
rule data:
    input:
        [
            file
            for config in SOURCES
            for file in getattr(rules, fetch_rule(config)).output
        ],
        of_datasets(rules.prepare.output),
        of_datasets(rules.tokenizer.output),


rule features_all:
    input:
        of_datasets(rules.features.output),


rule teachers:
    input:
        of_datasets(rules.teacher.output),
        of_datasets(rules.probe.output),


rule outputs_all:
    input:
        of_datasets(rules.teacher_outputs.output),


rule saliency_all:
    input:
        of_datasets(rules.saliency.output),


rule grid:
    input:
        [run_files(name, study.runs) for name in rules.student.output.keys()],


rule report:
    input:
        of_cells(rules.collect.output),
        rules.tables.output,
        rules.figures.output,
        rules.resolve.output,
        rules.write_report.output,


# Every artefact that is kept: Snakemake brings back a missing one only if something names it.
ARTEFACTS = [
    *rules.data.input,
    *rules.features_all.input,
    *rules.teachers.input,
    *rules.outputs_all.input,
    *rules.saliency_all.input,
    *rules.grid.input,
    *rules.report.input,
]


rule track:
    input:
        [file for file in ARTEFACTS if file.endswith("record.json")],
    output:
        touch(f"{RESULTS}/logs/tracked"),
    log:
        f"{RESULTS}/logs/track/track.log",
    benchmark:
        f"{RESULTS}/benchmarks/track/track.tsv"
    # One writer of the database, on the machine that runs Snakemake.
    localrule: True
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest(
            ["msd.tracking", "msd.tracking.artefacts", "msd.tracking.values"]
        ),
        study=study.study,
    message:
        "Import what is new into MLflow"
    shell:
        "python -m msd track --study {params.study} > {log} 2>&1"


rule all:
    input:
        ARTEFACTS,
        rules.track.output,
