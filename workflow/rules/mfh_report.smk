# tables, figures → report.
# The first page of `snakemake --report`:
report: "../report/mfh-workflow.rst"


TEMPLATES = ["mfh.html.j2", "report.css"]
MFH_REPORT = Stage("mfh_report", RESULTS, "report", lambda w: study.report_params())


rule mfh_report:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in TABLES],
        figures=[f"{RESULTS}/figures/{name}.svg" for name in SHAPES],
        captions=CAPTIONS,
        study=rules.resolve.output.study,
        environment=rules.gaussian.output.record,
        templates=templates(*TEMPLATES),
    output:
        report=page("mfh-report"),
        record=f"{RESULTS}/record.json",
    log:
        MFH_REPORT.log,
    benchmark:
        MFH_REPORT.benchmark
    resources:
        **MFH_REPORT.resources(mem_mb=1000, runtime=10),
    params:
        **MFH_REPORT.params,
    message:
        "Write the report"
    shell:
        MFH_REPORT.shell


ARTEFACTS += [
    *rules.mfh_tables.output,
    *rules.mfh_figures.output,
    *rules.resolve.output,
    *rules.mfh_report.output,
]


# All of it without MLflow: a target for people, and for dvc.yaml.
rule report:
    input:
        ARTEFACTS,
