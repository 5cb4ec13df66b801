# tables, figures → report.
# The first page of `snakemake --report`:
report: "../report/workflow.rst"


SHOWN = [*of_cells(rules.collect.output), *rules.tables.output, *rules.figures.output]
KINDS = dict.fromkeys([*[name.split("-")[0] for name in FIGURES], "rules"])
TEMPLATES = ["report.html.j2", "parts.html.j2", "report.css", "report.js"]
RECORDS = records([*ARTEFACTS, *SHOWN, *rules.resolve.output])
REPORT_READ = {
    "tables": [f"{RESULTS}/tables/{name}.json" for name in NAMES],
    "figures": [f"{RESULTS}/figures/{name}.svg" for name in FIGURES],
    "captions": [f"workflow/report/{kind}.rst" for kind in KINDS],
    "cells": RESULTS_READ["cells"],
    "sources": [f"{source_folder(item.name)}/source.json" for item in study.sources],
    "findings": expand(rules.prepare.output.findings, dataset=study.datasets),
    # What the lineage of every number is read from. A function: Snakemake hashes a list of files anew for each of them.
    "records": lambda wildcards: RECORDS,
    "environment": rules.tables.output.record,
    "templates": templates(*TEMPLATES),
}
REPORT = Stage(
    "report",
    RESULTS,
    "report",
    lambda wildcards: study.report_params(),
    lambda wildcards: [
        "msd.lineage.trace",
        "msd.lineage.identity",
        "msd.lineage.record",
    ],
)


rule write_report:
    input:
        **REPORT_READ,
        study=rules.resolve.output.study,
        citation="CITATION.cff",
    output:
        report=page("report"),
        graph=[shown("figures", "rules", form) for form in PICTURES],
        record=f"{RESULTS}/record.json",
    log:
        REPORT.log,
    benchmark:
        REPORT.benchmark
    resources:
        **REPORT.resources(mem_mb=1000, runtime=30),
    params:
        **REPORT.params,
    message:
        "Write the report"
    shell:
        REPORT.shell


rule report:
    input:
        SHOWN,
        rules.resolve.output,
        rules.write_report.output,


ARTEFACTS += rules.report.input
