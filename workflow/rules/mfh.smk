# gaussian, generality, av_mnist → tables → figures → report: a study of the Modality Focusing Hypothesis.
# The first page of `snakemake --report`:
report: "../report/mfh-workflow.rst"


EXPERIMENTS = [f"gaussian_{name}" for name in study.experiments]
NAMES = [*EXPERIMENTS, "gaussian_generality", "av_mnist", *CROSSMODAL_NAMES]
FORMS = ["json", "csv", "md", "tex"]
PICTURES = ["svg", "png"]

GAUSSIAN = Stage(
    "gaussian", RESULTS, "gaussian", lambda wildcards: study.gaussian_params()
)


rule gaussian:
    output:
        runs=f"{RESULTS}/gaussian/runs.parquet",
        metrics=f"{RESULTS}/gaussian/metrics.json",
        record=f"{RESULTS}/gaussian/record.json",
    log:
        GAUSSIAN.log,
    benchmark:
        GAUSSIAN.benchmark
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=GAUSSIAN.code,
        settings=GAUSSIAN.settings,
        job=GAUSSIAN.job,
    message:
        "Train all nets of the Gaussian study"
    shell:
        "python -m msd stage gaussian {params.job:q}"


GENERALITY = Stage(
    "generality", RESULTS, "generality", lambda wildcards: study.generality_params()
)


rule generality:
    output:
        channels=f"{RESULTS}/generality/channels.parquet",
        metrics=f"{RESULTS}/generality/metrics.json",
        record=f"{RESULTS}/generality/record.json",
    log:
        GENERALITY.log,
    benchmark:
        GENERALITY.benchmark
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=GENERALITY.code,
        settings=GENERALITY.settings,
        job=GENERALITY.job,
    message:
        "Rank the channels of table two by Algorithm 1"
    shell:
        "python -m msd stage generality {params.job:q}"


MFH_TABLES = Stage(
    "mfh_tables", RESULTS, "tables", lambda wildcards: study.report_params()
)


rule mfh_tables:
    input:
        **TAUGHT,
        runs=rules.gaussian.output.runs,
        channels=rules.generality.output.channels,
        av_mnist=rules.av_mnist.output.runs,
        crossmodal=expand(rules.crossmodal.output.runs, name=study.crossmodal),
    output:
        tables=[
            shown("tables", name, form)
            for name in [*NAMES, *TAUGHT_TABLES]
            for form in FORMS
        ],
        metrics=f"{RESULTS}/tables/metrics.json",
        record=f"{RESULTS}/tables/record.json",
    log:
        MFH_TABLES.log,
    benchmark:
        MFH_TABLES.benchmark
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=MFH_TABLES.code,
        settings=MFH_TABLES.settings,
        job=MFH_TABLES.job,
    message:
        "Hold the Gaussian study against the paper's values"
    shell:
        "python -m msd stage mfh_tables {params.job:q}"


DRAWN = [*EXPERIMENTS, *[name.replace("-", "_") for name in TAUGHT_FIGURES]]
SHAPES = [name.replace("_", "-") for name in DRAWN]
MFH_FIGURES = Stage(
    "mfh_figures", RESULTS, "figures", lambda wildcards: study.report_params()
)


rule mfh_figures:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in DRAWN],
    output:
        figures=[shown("figures", name, form) for name in SHAPES for form in PICTURES],
        record=f"{RESULTS}/figures/record.json",
    log:
        MFH_FIGURES.log,
    benchmark:
        MFH_FIGURES.benchmark
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=MFH_FIGURES.code,
        settings=MFH_FIGURES.settings,
        job=MFH_FIGURES.job,
    message:
        "Draw accuracy against γ and α"
    shell:
        "python -m msd stage mfh_figures {params.job:q}"


MFH_REPORT = Stage(
    "mfh_report", RESULTS, "report", lambda wildcards: study.report_params()
)


rule mfh_report:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in [*NAMES, *TAUGHT_TABLES]],
        figures=[f"{RESULTS}/figures/{name}.svg" for name in SHAPES],
        captions=["workflow/report/gaussian.rst", *TAUGHT_CAPTIONS],
        study=rules.resolve.output.study,
        environment=f"{RESULTS}/gaussian/record.json",
        templates=[
            f"msd/report/templates/{name}" for name in ("mfh.html.j2", "report.css")
        ],
    output:
        report=report(
            f"{RESULTS}/report.html",
            caption="../report/mfh-report.rst",
            category="Report",
        ),
        record=f"{RESULTS}/record.json",
    log:
        MFH_REPORT.log,
    benchmark:
        MFH_REPORT.benchmark
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=MFH_REPORT.code,
        settings=MFH_REPORT.settings,
        job=MFH_REPORT.job,
    message:
        "Write the report"
    shell:
        "python -m msd stage mfh_report {params.job:q}"


# Every artefact that is kept.
ARTEFACTS = [
    *AV_MNIST_ARTEFACTS,
    *rules.gaussian.output,
    *rules.generality.output,
    *TAUGHT_ARTEFACTS,
    *rules.mfh_tables.output,
    *rules.mfh_figures.output,
    *rules.resolve.output,
    *rules.mfh_report.output,
    *CROSSMODAL_ARTEFACTS,
]


# All of it without MLflow: a target for people, and for dvc.yaml.
rule report:
    input:
        ARTEFACTS,
