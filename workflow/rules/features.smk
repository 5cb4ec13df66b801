# prepare → features, and what every job that runs a model reads of a dataset.
FEATURES = Stage(
    "features",
    DATA,
    "{dataset}",
    lambda w: study.features_params(w.dataset),
    extractor_module,
)
REGIONS = f"{DATA}/{{dataset}}/features/{study.data.extractor}"


rule features:
    input:
        pictures=rules.prepare.output.pictures,
        weights=encoder_file(study.data.extractor),
    output:
        **recorded(REGIONS),
        regions=f"{REGIONS}/regions.npy",
        spec=f"{REGIONS}/spec.json",
    log:
        FEATURES.log,
    benchmark:
        FEATURES.benchmark
    priority: FIRST
    threads: study.data.processes
    resources:
        **FEATURES.resources(mem_mb=2000, runtime=240),
    params:
        **FEATURES.params,
    message:
        f"Extract region features of {{wildcards.dataset}} with {study.data.extractor}"
    shell:
        FEATURES.shell


DATASET = {
    **{split: rules.prepare.output[split] for split in SPLITS},
    "labels": rules.prepare.output.labels,
    "tokenizer": rules.tokenizer.output.tokenizer,
    "regions": rules.features.output.regions,
    "spec": rules.features.output.spec,
}
