# fetch → prepare → tokenizer, features: what all studies share, under results/data.
for source in [*study.dataset_configs.values(), *study.encoder_configs.values()]:
    folder = f"{DATA}/{source.name}" if source.name in study.datasets else f"{DATA}/encoders/{source.name}"

    rule:
        name:
            f"fetch_{source.name.replace('-', '_')}"
        message:
            f"Fetch {source.title} ({source.licence.name})"
        output:
            files=[f"{folder}/raw/{item.file}" for item in source.sources],
            source=f"{folder}/source.json",
            record=f"{folder}/record.json",
        log:
            f"{DATA}/logs/fetch/{source.name}.log",
        benchmark:
            f"{DATA}/benchmarks/fetch/{source.name}.tsv"
        params:
            code=code("fetch"),
            job=job(
                "fetch",
                f"{DATA}/logs/fetch/{source.name}.log",
                lambda wildcards, params=study.fetch_params(source): params,
            ),
        resources:
            mem_mb=500,
            runtime=60,
            network=1,
        shell:
            "python -m msd stage fetch {params.job:q}"


def raw_files(wildcards):
    return [
        f"{DATA}/{wildcards.dataset}/raw/{source.file}"
        for source in study.dataset_configs[wildcards.dataset].sources
    ]


def encoder_file(name):
    return f"{DATA}/encoders/{name}/raw/{study.encoder_configs[name].sources[0].file}"


def dataset_module(wildcards):
    return [f"msd.data.{wildcards.dataset.replace('-', '_')}"]


rule prepare:
    message:
        "Prepare the splits of {wildcards.dataset}"
    input:
        files=raw_files,
    output:
        train=f"{DATA}/{{dataset}}/prepared/train.parquet",
        val=f"{DATA}/{{dataset}}/prepared/val.parquet",
        test=f"{DATA}/{{dataset}}/prepared/test.parquet",
        labels=f"{DATA}/{{dataset}}/prepared/labels.json",
        findings=f"{DATA}/{{dataset}}/prepared/findings.json",
        pictures=f"{DATA}/{{dataset}}/prepared/pictures.zip",
        metrics=f"{DATA}/{{dataset}}/prepared/metrics.json",
        record=f"{DATA}/{{dataset}}/prepared/record.json",
    log:
        f"{DATA}/logs/prepare/{{dataset}}.log",
    benchmark:
        f"{DATA}/benchmarks/prepare/{{dataset}}.tsv"
    params:
        code=code("prepare", dataset_module),
        job=job(
            "prepare",
            f"{DATA}/logs/prepare/{{dataset}}.log",
            lambda wildcards: study.prepare_params(wildcards.dataset),
            dataset_module,
        ),
    resources:
        mem_mb=1000,
        runtime=60,
    shell:
        "python -m msd stage prepare {params.job:q}"


rule tokenizer:
    message:
        "Cut the word pieces to the texts of {wildcards.dataset}"
    input:
        prepared=[f"{DATA}/{{dataset}}/prepared/{split}.parquet" for split in SPLITS],
        encoder=encoder_file(study.data.text_encoder),
    output:
        tokenizer=f"{DATA}/{{dataset}}/tokenizer/{study.data.text_encoder}/tokenizer.json",
        record=f"{DATA}/{{dataset}}/tokenizer/{study.data.text_encoder}/record.json",
    log:
        f"{DATA}/logs/tokenizer/{{dataset}}.log",
    benchmark:
        f"{DATA}/benchmarks/tokenizer/{{dataset}}.tsv"
    params:
        code=code("tokenizer"),
        job=job("tokenizer", f"{DATA}/logs/tokenizer/{{dataset}}.log", lambda wildcards: {}),
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python -m msd stage tokenizer {params.job:q}"


def extractor_module(wildcards):
    return [f"msd.features.{study.encoder_configs[study.data.extractor].module}"]


rule features:
    message:
        f"Extract region features of {{wildcards.dataset}} with {study.data.extractor}"
    input:
        pictures=rules.prepare.output.pictures,
        weights=encoder_file(study.data.extractor),
    output:
        regions=f"{DATA}/{{dataset}}/features/{study.data.extractor}/regions.npy",
        spec=f"{DATA}/{{dataset}}/features/{study.data.extractor}/spec.json",
        metrics=f"{DATA}/{{dataset}}/features/{study.data.extractor}/metrics.json",
        record=f"{DATA}/{{dataset}}/features/{study.data.extractor}/record.json",
    log:
        f"{DATA}/logs/features/{{dataset}}.log",
    benchmark:
        f"{DATA}/benchmarks/features/{{dataset}}.tsv"
    params:
        code=code("features", extractor_module),
        job=job(
            "features",
            f"{DATA}/logs/features/{{dataset}}.log",
            lambda wildcards: study.features_params(),
            extractor_module,
        ),
    resources:
        mem_mb=2000,
        runtime=240,
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
