# teacher → teacher_outputs → saliency: what a teacher predicts with and without each modality.
LOGITS = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/outputs"
TEACHER_OUTPUTS = Stage(
    "teacher_outputs",
    RESULTS,
    "{dataset}-{teacher}",
    lambda w: study.outputs_params(w.dataset),
)


rule teacher_outputs:
    input:
        **READ["teacher"],
        model=rules.teacher.output.model,
        config=rules.teacher.output.config,
    output:
        **{split: f"{LOGITS}/{split}.safetensors" for split in SPLITS},
        **recorded(LOGITS),
    log:
        TEACHER_OUTPUTS.log,
    benchmark:
        TEACHER_OUTPUTS.benchmark
    priority: FIRST
    resources:
        **TEACHER_OUTPUTS.resources(mem_mb=3000, runtime=240),
    params:
        **TEACHER_OUTPUTS.params,
    message:
        "Ask a teacher of {wildcards.dataset} ({wildcards.teacher}) for its answers to image and text, image alone, text alone"
    shell:
        TEACHER_OUTPUTS.shell


# The cached outputs, by split.
OUTPUTS = {f"{split}_outputs": rules.teacher_outputs.output[split] for split in SPLITS}
SALIENCIES = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/saliency"
SALIENCY = Stage(
    "saliency",
    RESULTS,
    "{dataset}-{teacher}",
    lambda w: study.saliency_params(w.dataset),
)


rule saliency:
    input:
        **{split: DATASET[split] for split in SPLITS},
        **OUTPUTS,
    output:
        **{split: f"{SALIENCIES}/{split}.parquet" for split in SPLITS},
        **recorded(SALIENCIES),
        summary=f"{SALIENCIES}/summary.json",
    log:
        SALIENCY.log,
    benchmark:
        SALIENCY.benchmark
    priority: FIRST
    resources:
        **SALIENCY.resources(mem_mb=1000, runtime=30),
    params:
        **SALIENCY.params,
    message:
        "Measure how much each prediction on {wildcards.dataset} ({wildcards.teacher}) depends on image and on text"
    shell:
        SALIENCY.shell
