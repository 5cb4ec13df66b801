# spoken_digits → av_mnist: digits seen and heard, from packages or from the published archive.
SPOKEN = f"{DATA}/{{dataset}}/prepared"
SPOKEN_DIGITS = Stage(
    "spoken_digits", DATA, "{dataset}", lambda w: study.prepare_params(w.dataset)
)


rule spoken_digits:
    input:
        files=raw_files,
    output:
        **recorded(SPOKEN),
        digits=f"{SPOKEN}/digits.safetensors",
        findings=f"{SPOKEN}/findings.json",
    log:
        SPOKEN_DIGITS.log,
    benchmark:
        SPOKEN_DIGITS.benchmark
    resources:
        **SPOKEN_DIGITS.resources(mem_mb=2000, runtime=30),
    params:
        **SPOKEN_DIGITS.params,
    message:
        "Speak the digits of {wildcards.dataset} and make its pictures hard"
    shell:
        SPOKEN_DIGITS.shell


DIGITS = f"{RESULTS}/av_mnist"
EMBEDDED = study.datasets
AV_MNIST = Stage("av_mnist", RESULTS, "av_mnist", lambda w: study.av_mnist.params())


rule av_mnist:
    input:
        **(
            {"digits": of_datasets(rules.spoken_digits.output.digits)[0]}
            if EMBEDDED
            else {"archive": study.av_mnist.archive}
        ),
    output:
        **recorded(DIGITS),
        runs=f"{DIGITS}/runs.parquet",
        findings=f"{DIGITS}/findings.json",
    log:
        AV_MNIST.log,
    benchmark:
        AV_MNIST.benchmark
    resources:
        # The published archive is 3 GB as floats, and standardised once more.
        mem_mb=2000 if EMBEDDED else 12000,
        runtime=60 if EMBEDDED else 2880,
        gpu=AV_MNIST.resources()["gpu"],
    params:
        **AV_MNIST.params,
    message:
        "Train teachers and students of digits seen and heard"
    shell:
        AV_MNIST.shell


# A target for people, and for dvc.yaml.
rule data:
    input:
        fetched(study.sources),
        of_datasets(rules.spoken_digits.output),


TABLES += ["av_mnist"]
READ["av_mnist"] = rules.av_mnist.output.runs
READ["av_mnist_findings"] = [
    rules.av_mnist.output.findings,
    *of_datasets(rules.spoken_digits.output.findings),
]
ARTEFACTS += [*rules.data.input, *rules.av_mnist.output]
