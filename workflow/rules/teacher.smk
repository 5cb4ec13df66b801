# teacher → teacher_outputs → saliency, and the logistic probe that a teacher has to reach.
PROBE = Stage(
    "probe",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.model_params(wildcards.dataset),
)


rule probe:
    input:
        **DATASET,
        encoder=encoder_file(study.data.text_encoder),
    output:
        predictions=f"{RESULTS}/probes/{{dataset}}/predictions.safetensors",
        metrics=f"{RESULTS}/probes/{{dataset}}/metrics.json",
        record=f"{RESULTS}/probes/{{dataset}}/record.json",
    log:
        PROBE.log,
    benchmark:
        PROBE.benchmark
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        code=PROBE.code,
        settings=PROBE.settings,
        job=PROBE.job,
    message:
        "Fit logistic regression on the frozen features of {wildcards.dataset}"
    shell:
        "python -m msd stage probe {params.job:q}"


TEACHER = Stage(
    "teacher",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.teacher_params(wildcards.dataset),
)


rule teacher:
    input:
        **{name: file for name, file in DATASET.items() if name != "test"},
        encoder=encoder_file(study.data.text_encoder),
    output:
        model=f"{RESULTS}/teachers/{{dataset}}/model.safetensors",
        config=f"{RESULTS}/teachers/{{dataset}}/config.json",
        tokenizer=f"{RESULTS}/teachers/{{dataset}}/tokenizer.json",
        history=f"{RESULTS}/teachers/{{dataset}}/history.parquet",
        metrics=f"{RESULTS}/teachers/{{dataset}}/metrics.json",
        record=f"{RESULTS}/teachers/{{dataset}}/record.json",
    log:
        TEACHER.log,
    benchmark:
        TEACHER.benchmark
    priority: FIRST
    resources:
        mem_mb=3000,
        runtime=600,
    params:
        code=TEACHER.code,
        settings=TEACHER.settings,
        job=TEACHER.job,
    message:
        "Fine-tune the teacher of {wildcards.dataset}"
    shell:
        "python -m msd stage teacher {params.job:q}"


TEACHER_OUTPUTS = Stage(
    "teacher_outputs",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.model_params(wildcards.dataset),
)
ANSWERS = f"{RESULTS}/teachers/{{dataset}}/outputs"


rule teacher_outputs:
    input:
        **DATASET,
        model=rules.teacher.output.model,
        config=rules.teacher.output.config,
    output:
        **{split: f"{ANSWERS}/{split}.safetensors" for split in SPLITS},
        metrics=f"{ANSWERS}/metrics.json",
        record=f"{ANSWERS}/record.json",
    log:
        TEACHER_OUTPUTS.log,
    benchmark:
        TEACHER_OUTPUTS.benchmark
    priority: FIRST
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        code=TEACHER_OUTPUTS.code,
        settings=TEACHER_OUTPUTS.settings,
        job=TEACHER_OUTPUTS.job,
    message:
        "Ask the teacher of {wildcards.dataset} for its answers to image and text, image alone, text alone"
    shell:
        "python -m msd stage teacher_outputs {params.job:q}"


# The cached answers, by split.
OUTPUTS = {f"{split}_outputs": rules.teacher_outputs.output[split] for split in SPLITS}

SALIENCY = Stage(
    "saliency",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.saliency_params(wildcards.dataset),
)
MOVES = f"{RESULTS}/teachers/{{dataset}}/saliency"


rule saliency:
    input:
        **{split: DATASET[split] for split in SPLITS},
        **OUTPUTS,
    output:
        **{split: f"{MOVES}/{split}.parquet" for split in SPLITS},
        summary=f"{MOVES}/summary.json",
        metrics=f"{MOVES}/metrics.json",
        record=f"{MOVES}/record.json",
    log:
        SALIENCY.log,
    benchmark:
        SALIENCY.benchmark
    priority: FIRST
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=SALIENCY.code,
        settings=SALIENCY.settings,
        job=SALIENCY.job,
    message:
        "Measure how much each prediction on {wildcards.dataset} depends on image and on text"
    shell:
        "python -m msd stage saliency {params.job:q}"
