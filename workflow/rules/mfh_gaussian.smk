# gaussian, generality: the synthetic data of the Modality Focusing Hypothesis.
EXPERIMENTS = [f"gaussian_{name}" for name, sweep in study.gaussian.experiments]
DRAWN = f"{RESULTS}/gaussian"
RANKED = f"{RESULTS}/generality"
GAUSSIAN = Stage("gaussian", RESULTS, "gaussian", lambda w: study.gaussian.params())


rule gaussian:
    output:
        **recorded(DRAWN),
        runs=f"{DRAWN}/runs.parquet",
    log:
        GAUSSIAN.log,
    benchmark:
        GAUSSIAN.benchmark
    resources:
        **GAUSSIAN.resources(mem_mb=2000, runtime=30),
    params:
        **GAUSSIAN.params,
    message:
        "Train all nets of the Gaussian study"
    shell:
        GAUSSIAN.shell


GENERALITY = Stage(
    "generality",
    RESULTS,
    "generality",
    lambda w: study.gaussian.generality_params(study.generality),
)


rule generality:
    output:
        **recorded(RANKED),
        channels=f"{RANKED}/channels.parquet",
    log:
        GENERALITY.log,
    benchmark:
        GENERALITY.benchmark
    resources:
        **GENERALITY.resources(mem_mb=1000, runtime=30),
    params:
        **GENERALITY.params,
    message:
        "Rank the channels of table two by Algorithm 1"
    shell:
        GENERALITY.shell


# What each part of the study adds: tables, those of them that have a figure, captions of figures, what the tables read.
TABLES = [*EXPERIMENTS, "gaussian_generality"]
FIGURES = [*EXPERIMENTS]
CAPTIONS = ["workflow/report/gaussian.rst"]
READ = {
    "runs": rules.gaussian.output.runs,
    "channels": rules.generality.output.channels,
}
ARTEFACTS = [*rules.gaussian.output, *rules.generality.output]
