# fetch → prepare → tokenizer, features: what all studies share, under results/data.
PREPARE = Stage(
    "prepare",
    DATA,
    "{dataset}",
    lambda wildcards: study.prepare_params(wildcards.dataset),
    dataset_module,
)


rule prepare:
    input:
        files=raw_files,
    output:
        **{name: f"{DATA}/{{dataset}}/prepared/{name}.parquet" for name in SPLITS},
        labels=f"{DATA}/{{dataset}}/prepared/labels.json",
        findings=f"{DATA}/{{dataset}}/prepared/findings.json",
        pictures=f"{DATA}/{{dataset}}/prepared/pictures.zip",
        metrics=f"{DATA}/{{dataset}}/prepared/metrics.json",
        record=f"{DATA}/{{dataset}}/prepared/record.json",
    log:
        PREPARE.log,
    benchmark:
        PREPARE.benchmark
    priority: FIRST
    resources:
        mem_mb=4000,  # VQA v2; the others take a tenth
        runtime=240,
    params:
        code=PREPARE.code,
        settings=PREPARE.settings,
        job=PREPARE.job,
    message:
        "Prepare the splits of {wildcards.dataset}"
    shell:
        "python -m msd stage prepare {params.job:q}"


TOKENIZER = Stage("tokenizer", DATA, "{dataset}", lambda wildcards: {})
TOKENS = f"{DATA}/{{dataset}}/tokenizer/{study.data.text_encoder}"


rule tokenizer:
    input:
        prepared=[rules.prepare.output[split] for split in SPLITS],
        encoder=encoder_file(study.data.text_encoder),
    output:
        tokenizer=f"{TOKENS}/tokenizer.json",
        record=f"{TOKENS}/record.json",
    log:
        TOKENIZER.log,
    benchmark:
        TOKENIZER.benchmark
    priority: FIRST
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=TOKENIZER.code,
        settings=TOKENIZER.settings,
        job=TOKENIZER.job,
    message:
        "Cut the word pieces to the texts of {wildcards.dataset}"
    shell:
        "python -m msd stage tokenizer {params.job:q}"


FEATURES = Stage(
    "features",
    DATA,
    "{dataset}",
    lambda wildcards: study.features_params(),
    extractor_module,
)
REGIONS = f"{DATA}/{{dataset}}/features/{study.data.extractor}"


rule features:
    input:
        pictures=rules.prepare.output.pictures,
        weights=encoder_file(study.data.extractor),
    output:
        regions=f"{REGIONS}/regions.npy",
        spec=f"{REGIONS}/spec.json",
        metrics=f"{REGIONS}/metrics.json",
        record=f"{REGIONS}/record.json",
    log:
        FEATURES.log,
    benchmark:
        FEATURES.benchmark
    priority: FIRST
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        code=FEATURES.code,
        settings=FEATURES.settings,
        job=FEATURES.job,
    message:
        f"Extract region features of {{wildcards.dataset}} with {study.data.extractor}"
    shell:
        "python -m msd stage features {params.job:q}"


# What every job that runs a model reads.
DATASET = {
    **{split: rules.prepare.output[split] for split in SPLITS},
    "labels": rules.prepare.output.labels,
    "tokenizer": rules.tokenizer.output.tokenizer,
    "regions": rules.features.output.regions,
    "spec": rules.features.output.spec,
}
