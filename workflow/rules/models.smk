# fetch → convert → model_tokenizer: what teachers and students that start from models of config/models have of their own.
def package_file(name):
    """The converted weights of a model, with its whole vocabulary."""
    return f"{source_folder(name)}/converted/model.zip"


for model in study.model_configs.values():
    folder = f"{source_folder(model.name)}/converted"
    CONVERT = Stage(
        "convert", DATA, model.name, lambda w, model=model: model.convert_params
    )

    rule:
        name:
            convert_rule(model.name)
        input:
            files=[
                f"{source_folder(model.name)}/raw/{item.name}"
                for item in model.sources
            ],
        output:
            **recorded(folder),
            package=package_file(model.name),
            tokenizer=f"{folder}/tokenizer.json",
        log:
            CONVERT.log,
        benchmark:
            CONVERT.benchmark
        priority: FIRST
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            **CONVERT.params,
        message:
            f"Check and convert the weights of {model.title}"
        shell:
            CONVERT.shell


MODEL_TOKENIZER = Stage("tokenizer", DATA, "{dataset}-{model}", lambda wildcards: {})
OWN_TOKENS = f"{DATA}/{{dataset}}/tokenizer/{{model}}"


rule model_tokenizer:
    input:
        prepared=[rules.prepare.output[split] for split in SPLITS],
        encoder=lambda w: package_file(w.model),
    output:
        tokenizer=f"{OWN_TOKENS}/tokenizer.json",
        record=f"{OWN_TOKENS}/record.json",
    log:
        MODEL_TOKENIZER.log,
    benchmark:
        MODEL_TOKENIZER.benchmark
    wildcard_constraints:
        model="|".join(study.model_configs),
    priority: FIRST
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **MODEL_TOKENIZER.params,
    message:
        "Cut the word pieces of {wildcards.model} to the texts of {wildcards.dataset}"
    shell:
        MODEL_TOKENIZER.shell
