# fetch → prepare → tokenizer: the data that all studies share, under results/data.
PREPARED = f"{DATA}/{{dataset}}/prepared"
PREPARE = Stage(
    "prepare",
    DATA,
    "{dataset}",
    lambda w: study.prepare_params(w.dataset),
    dataset_module,
)


rule prepare:
    input:
        files=raw_files,
    output:
        **{name: f"{PREPARED}/{name}.parquet" for name in SPLITS},
        **recorded(PREPARED),
        labels=f"{PREPARED}/labels.json",
        findings=f"{PREPARED}/findings.json",
        pictures=f"{PREPARED}/pictures.zip",
    log:
        PREPARE.log,
    benchmark:
        PREPARE.benchmark
    priority: FIRST
    resources:
        # VQA v2 with all its questions; the others take a tenth
        **PREPARE.resources(mem_mb=6000, runtime=240),
    params:
        **PREPARE.params,
    message:
        "Prepare the splits of {wildcards.dataset}"
    shell:
        PREPARE.shell


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
        **TOKENIZER.resources(mem_mb=1000, runtime=30),
    params:
        **TOKENIZER.params,
    message:
        "Cut the word pieces to the texts of {wildcards.dataset}"
    shell:
        TOKENIZER.shell
