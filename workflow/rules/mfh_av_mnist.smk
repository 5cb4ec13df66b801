# spoken_digits → av_mnist: digits seen and heard, from packages or from the published archive.
EMBEDDED = study.datasets
TAUGHT, TAUGHT_TABLES, TAUGHT_FIGURES = {}, [], []
TAUGHT_CAPTIONS, TAUGHT_ARTEFACTS = [], []

SPOKEN_DIGITS = Stage(
    "spoken_digits",
    DATA,
    "{dataset}",
    lambda wildcards: study.prepare_params(wildcards.dataset),
)


rule spoken_digits:
    input:
        files=raw_files,
    output:
        digits=f"{DATA}/{{dataset}}/prepared/digits.safetensors",
        metrics=f"{DATA}/{{dataset}}/prepared/metrics.json",
        record=f"{DATA}/{{dataset}}/prepared/record.json",
    log:
        SPOKEN_DIGITS.log,
    benchmark:
        SPOKEN_DIGITS.benchmark
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=SPOKEN_DIGITS.code,
        settings=SPOKEN_DIGITS.settings,
        job=SPOKEN_DIGITS.job,
    message:
        "Speak the digits of {wildcards.dataset} and make its pictures hard"
    shell:
        "python -m msd stage spoken_digits {params.job:q}"


AV_MNIST = Stage(
    "av_mnist", RESULTS, "av_mnist", lambda wildcards: study.av_mnist.params()
)
PREPARED = expand(rules.spoken_digits.output, dataset=EMBEDDED)


rule av_mnist:
    input:
        **({"digits": PREPARED[0]} if EMBEDDED else {"archive": study.av_mnist.archive}),
    output:
        runs=f"{RESULTS}/av_mnist/runs.parquet",
        metrics=f"{RESULTS}/av_mnist/metrics.json",
        record=f"{RESULTS}/av_mnist/record.json",
    log:
        AV_MNIST.log,
    benchmark:
        AV_MNIST.benchmark
    resources:
        # The published archive is 3 GB as floats, and standardised once more.
        mem_mb=2000 if EMBEDDED else 12000,
        runtime=60 if EMBEDDED else 2880,
    params:
        code=AV_MNIST.code,
        settings=AV_MNIST.settings,
        job=AV_MNIST.job,
    message:
        "Train teachers and students of digits seen and heard"
    shell:
        "python -m msd stage av_mnist {params.job:q}"


# A target for people, and for dvc.yaml.
rule data:
    input:
        [
            file
            for name in EMBEDDED
            for file in getattr(rules, fetch_rule(study.dataset_configs[name])).output
        ],
        PREPARED,


AV_MNIST_ARTEFACTS = [*rules.data.input, *rules.av_mnist.output]
