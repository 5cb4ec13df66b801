# collect, cost → tables, figures → report, and the import of everything into MLflow.
# The first page of `snakemake --report`:
report: "../report/workflow.rst"


NAMES = table_names(list(study.methods))
FORMS = ["json", "csv", "md", "tex"]
CLAIMS = "config/claims.yaml"
WEIGHTS = ["weights"] if study.report.learned else []
SEARCHED = {
    name: None
    for config in study.method_configs.values()
    for name, value in config.parameters.items()
    if isinstance(value, list) and len(value) > 1
}
FIGURES = [
    *["main", "curves", "saliency", "saliency-scatter"],
    *of_datasets("densities-{dataset}"),
    *of_datasets("examples-{dataset}"),
    *[f"sensitivity-{name}" for name in SEARCHED],
    *WEIGHTS,
]
KINDS = dict.fromkeys([*[name.split("-")[0] for name in FIGURES], "rules"])
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
        val=rules.prepare.output.val,
        test=rules.prepare.output.test,
        labels=rules.prepare.output.labels,
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


# What a trained model needs to be asked.
ASKED = ["test", "labels", "tokenizer", "regions", "spec"]
COST = Stage(
    "cost",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.student_params(measured_student(wildcards)),
)


rule cost:
    input:
        **{name: DATASET[name] for name in ASKED},
        teacher=rules.teacher.output.model,
        teacher_config=rules.teacher.output.config,
        students=measured_models,
    output:
        cost=f"{RESULTS}/costs/{{dataset}}/cost.json",
        metrics=f"{RESULTS}/costs/{{dataset}}/metrics.json",
        record=f"{RESULTS}/costs/{{dataset}}/record.json",
    log:
        COST.log,
    benchmark:
        COST.benchmark
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=COST.code,
        settings=COST.settings,
        job=COST.job,
    message:
        "Measure size, arithmetic and time of teacher and student of {wildcards.dataset}"
    shell:
        "python -m msd stage cost {params.job:q}"


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
        test_saliency=of_datasets(rules.saliency.output.test),
        costs=of_datasets(rules.cost.output.cost),
        claims=CLAIMS,
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
        pictures=of_datasets(rules.prepare.output.pictures),
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


REPORT = Stage(
    "report",
    RESULTS,
    "report",
    lambda wildcards: study.report_params(),
    lambda wildcards: ["msd.lineage.trace"],
)
TEMPLATES = ["report.html.j2", "parts.html.j2", "report.css", "report.js"]
# What the lineage of every number is read from.
RECORDS = [
    *[getattr(rules, fetch_rule(config)).output.record for config in study.sources],
    *of_datasets(rules.prepare.output.record),
    *of_datasets(rules.tokenizer.output.record),
    *of_datasets(rules.features.output.record),
    *of_datasets(rules.teacher.output.record),
    *of_datasets(rules.probe.output.record),
    *of_datasets(rules.teacher_outputs.output.record),
    *of_datasets(rules.saliency.output.record),
    *run_files("record", study.runs),
    *of_cells(rules.collect.output.record),
    *of_datasets(rules.cost.output.record),
    rules.tables.output.record,
    rules.figures.output.record,
    rules.resolve.output.record,
]


rule write_report:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in NAMES],
        figures=[f"{RESULTS}/figures/{name}.svg" for name in FIGURES],
        captions=[f"workflow/report/{kind}.rst" for kind in KINDS],
        cells=REPORTED["cells"],
        sources=[
            f"{source_folder(config.name)}/source.json" for config in study.sources
        ],
        records=RECORDS,
        study=rules.resolve.output.study,
        environment=rules.tables.output.record,
        citation="CITATION.cff",
        templates=[f"msd/report/templates/{name}" for name in TEMPLATES],
    output:
        report=report(
            f"{RESULTS}/report.html", caption="../report/report.rst", category="Report"
        ),
        graph=[shown("figures", "rules", form) for form in PICTURES],
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
            for config in study.sources
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


rule costs:
    input:
        of_datasets(rules.cost.output),


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
    *rules.costs.input,
    *rules.report.input,
]
