# collect → tables, figures → report, and the import of everything into MLflow.
TABLES = ["main", "teacher", "views", "saliency"]
FIGURES = ["main", "curves", "saliency", *(f"densities-{name}" for name in study.datasets)]


def runs(wildcards):
    """The runs of one cell, variants in the order of the grid."""
    return [run for run in study.runs if (run.dataset, run.method) == (wildcards.dataset, wildcards.method)]


def run_files(name):
    return lambda wildcards: [rules.student.output[name].format(**run._asdict()) for run in runs(wildcards)]


rule collect:
    message:
        "Choose the configuration of {wildcards.method} on {wildcards.dataset} by validation"
    input:
        metrics=run_files("metrics_table"),
        runs=run_files("run"),
        predictions=run_files("predictions"),
    output:
        cell=f"{RESULTS}/cells/{{dataset}}/{{method}}/cell.json",
        predictions=f"{RESULTS}/cells/{{dataset}}/{{method}}/predictions.safetensors",
        record=f"{RESULTS}/cells/{{dataset}}/{{method}}/record.json",
    log:
        f"{RESULTS}/logs/collect/{{dataset}}-{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/{{dataset}}-{{method}}.tsv"
    params:
        code=code("collect"),
        job=job(
            "collect",
            f"{RESULTS}/logs/collect/{{dataset}}-{{method}}.log",
            lambda wildcards: study.collect_params(wildcards.dataset, wildcards.method),
        ),
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python -m msd stage collect {params.job:q}"


REPORTED = {
    "cells": expand(rules.collect.output.cell, dataset=study.datasets, method=study.methods),
    "cell_predictions": expand(rules.collect.output.predictions, dataset=study.datasets, method=study.methods),
    "prepared": expand(rules.prepare.output.test, dataset=study.datasets),
    "labels": expand(rules.prepare.output.labels, dataset=study.datasets),
    "teacher_outputs": expand(rules.teacher_outputs.output.test, dataset=study.datasets),
    "teacher_histories": expand(rules.teacher.output.history, dataset=study.datasets),
    "histories": [rules.student.output.history.format(**run._asdict()) for run in study.runs],
}


rule tables:
    message:
        "Make the tables"
    input:
        **REPORTED,
        probes=expand(rules.probe.output.predictions, dataset=study.datasets),
        saliency=expand(rules.saliency.output.summary, dataset=study.datasets),
    output:
        tables=expand(f"{RESULTS}/tables/{{name}}.{{form}}", name=TABLES, form=["json", "csv", "md", "tex"]),
        metrics_table=f"{RESULTS}/tables/metrics.json",
        curves=f"{RESULTS}/tables/curves.csv",
        record=f"{RESULTS}/tables/record.json",
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/tables.tsv"
    params:
        code=code("tables"),
        job=job("tables", f"{RESULTS}/logs/tables.log", lambda wildcards: study.report_params()),
    resources:
        mem_mb=2000,
        runtime=60,
    shell:
        "python -m msd stage tables {params.job:q}"


rule figures:
    message:
        "Draw the figures"
    input:
        **REPORTED,
        saliency=expand(rules.saliency.output.test, dataset=study.datasets),
        main=f"{RESULTS}/tables/main.json",
    output:
        figures=[
            report(f"{RESULTS}/figures/{name}.{form}", caption=f"../report/{name.split('-')[0]}.rst", category="Figures")
            for name in FIGURES
            for form in ["svg", "png"]
        ],
        record=f"{RESULTS}/figures/record.json",
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/figures.tsv"
    params:
        code=code("figures"),
        job=job("figures", f"{RESULTS}/logs/figures.log", lambda wildcards: study.report_params()),
    resources:
        mem_mb=2000,
        runtime=60,
    shell:
        "python -m msd stage figures {params.job:q}"


rule resolve:
    message:
        "Write down the study with everything it names"
    output:
        study=f"{RESULTS}/config/study.yaml",
        record=f"{RESULTS}/config/record.json",
    log:
        f"{RESULTS}/logs/resolve.log",
    benchmark:
        f"{RESULTS}/benchmarks/resolve/resolve.tsv"
    params:
        code=code("resolve"),
        job=job("resolve", f"{RESULTS}/logs/resolve.log", lambda wildcards: study.resolved()),
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "python -m msd stage resolve {params.job:q}"


rule write_report:
    message:
        "Write the report"
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in TABLES],
        figures=[f"{RESULTS}/figures/{name}.svg" for name in FIGURES],
        captions=[f"workflow/report/{name}.rst" for name in ["main", "densities", "saliency", "curves"]],
        cells=REPORTED["cells"],
        sources=[f"{DATA}/{name}/source.json" for name in study.datasets]
        + [f"{DATA}/encoders/{name}/source.json" for name in study.encoder_configs],
        study=rules.resolve.output.study,
        environment=f"{RESULTS}/tables/record.json",
        template="msd/reporting/templates/report.html.j2",
    output:
        report=f"{RESULTS}/report.html",
        record=f"{RESULTS}/record.json",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report/report.tsv"
    params:
        code=code("report"),
        job=job("report", f"{RESULTS}/logs/report.log", lambda wildcards: study.report_params()),
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python -m msd stage report {params.job:q}"


# The targets of dvc.yaml's stages, each useful by itself: `snakemake teachers`.
rule data:
    input:
        expand(rules.prepare.output, dataset=study.datasets),
        expand(rules.tokenizer.output, dataset=study.datasets),
        [f"{DATA}/{name}/source.json" for name in study.datasets],
        [f"{DATA}/encoders/{name}/source.json" for name in study.encoder_configs],


rule features_all:
    input:
        expand(rules.features.output, dataset=study.datasets),


rule teachers:
    input:
        expand(rules.teacher.output, dataset=study.datasets),
        expand(rules.probe.output, dataset=study.datasets),


rule outputs_all:
    input:
        expand(rules.teacher_outputs.output, dataset=study.datasets),


rule saliency_all:
    input:
        expand(rules.saliency.output, dataset=study.datasets),


rule grid:
    input:
        [file.format(**run._asdict()) for run in study.runs for file in rules.student.output],


rule report:
    input:
        expand(rules.collect.output, dataset=study.datasets, method=study.methods),
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
    message:
        "Import what is new into MLflow"
    input:
        [file for file in ARTEFACTS if file.endswith("record.json")],
    output:
        touch(f"{RESULTS}/logs/tracked"),
    log:
        f"{RESULTS}/logs/track.log",
    benchmark:
        f"{RESULTS}/benchmarks/track/track.tsv"
    resources:
        mem_mb=2000,
        runtime=60,
    shell:
        f"python -m msd track --study {study.study} > {{log}} 2>&1"


rule all:
    input:
        ARTEFACTS,
        rules.track.output,


localrules:
    resolve,
    data,
    features_all,
    teachers,
    outputs_all,
    saliency_all,
    grid,
    report,
    track,
    all,
