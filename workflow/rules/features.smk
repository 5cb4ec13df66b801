# prepare → features, and what every job that runs a model reads of a dataset.
FEATURES = Stage(
    "features",
    DATA,
    "{dataset}-{extractor}",
    lambda w: study.features_params(w.dataset),
    extractor_module,
)
REGIONS = f"{DATA}/{{dataset}}/features/{{extractor}}"


rule features:
    input:
        pictures=rules.prepare.output.pictures,
        weights=extractor_files,
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
        **FEATURES.resources(mem_mb=4000, runtime=1440),
    params:
        **FEATURES.params,
    message:
        "Extract region features of {wildcards.dataset} with {wildcards.extractor}"
    shell:
        FEATURES.shell


DATASET = {
    **{split: rules.prepare.output[split] for split in SPLITS},
    "labels": rules.prepare.output.labels,
    "tokenizer": rules.tokenizer.output.tokenizer,
    "regions": features_file(rules.features.output.regions),
    "spec": features_file(rules.features.output.spec),
}
READ = {role: read_by(role) for role in ("teacher", "student")}
