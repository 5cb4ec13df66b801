# teacher → teacher_outputs → saliency, and the logistic probe that a teacher has to reach.
rule probe:
    message:
        "Fit logistic regression on the frozen features of {wildcards.dataset}"
    input:
        **DATASET,
        encoder=encoder_file(study.data.text_encoder),
    output:
        predictions=f"{RESULTS}/probes/{{dataset}}/predictions.safetensors",
        metrics=f"{RESULTS}/probes/{{dataset}}/metrics.json",
        record=f"{RESULTS}/probes/{{dataset}}/record.json",
    log:
        f"{RESULTS}/logs/probe/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/probe/{{dataset}}.tsv"
    params:
        code=code("probe"),
        job=job(
            "probe",
            f"{RESULTS}/logs/probe/{{dataset}}.log",
            lambda wildcards: study.model_params(wildcards.dataset),
        ),
    resources:
        mem_mb=3000,
        runtime=60,
    shell:
        "python -m msd stage probe {params.job:q}"


rule teacher:
    message:
        "Fine-tune the teacher of {wildcards.dataset}"
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
        f"{RESULTS}/logs/teacher/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/teacher/{{dataset}}.tsv"
    params:
        code=code("teacher"),
        job=job(
            "teacher",
            f"{RESULTS}/logs/teacher/{{dataset}}.log",
            lambda wildcards: study.teacher_params(wildcards.dataset),
        ),
    # The longest chain of the study starts here.
    priority: 10
    resources:
        mem_mb=3000,
        runtime=600,
    shell:
        "python -m msd stage teacher {params.job:q}"


rule teacher_outputs:
    message:
        "Ask the teacher of {wildcards.dataset} for its answers to image and text, image alone, text alone"
    input:
        **DATASET,
        model=rules.teacher.output.model,
        config=rules.teacher.output.config,
    output:
        train=f"{RESULTS}/teachers/{{dataset}}/outputs/train.safetensors",
        val=f"{RESULTS}/teachers/{{dataset}}/outputs/val.safetensors",
        test=f"{RESULTS}/teachers/{{dataset}}/outputs/test.safetensors",
        metrics=f"{RESULTS}/teachers/{{dataset}}/outputs/metrics.json",
        record=f"{RESULTS}/teachers/{{dataset}}/outputs/record.json",
    log:
        f"{RESULTS}/logs/teacher_outputs/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/teacher_outputs/{{dataset}}.tsv"
    params:
        code=code("teacher_outputs"),
        job=job(
            "teacher_outputs",
            f"{RESULTS}/logs/teacher_outputs/{{dataset}}.log",
            lambda wildcards: study.model_params(wildcards.dataset),
        ),
    priority: 10
    resources:
        mem_mb=3000,
        runtime=240,
    shell:
        "python -m msd stage teacher_outputs {params.job:q}"


# The cached answers, by split.
OUTPUTS = {f"{split}_outputs": rules.teacher_outputs.output[split] for split in SPLITS}


rule saliency:
    message:
        "Measure how much each prediction on {wildcards.dataset} depends on image and on text"
    input:
        **{split: DATASET[split] for split in SPLITS},
        **OUTPUTS,
    output:
        train=f"{RESULTS}/teachers/{{dataset}}/saliency/train.parquet",
        val=f"{RESULTS}/teachers/{{dataset}}/saliency/val.parquet",
        test=f"{RESULTS}/teachers/{{dataset}}/saliency/test.parquet",
        summary=f"{RESULTS}/teachers/{{dataset}}/saliency/summary.json",
        metrics=f"{RESULTS}/teachers/{{dataset}}/saliency/metrics.json",
        record=f"{RESULTS}/teachers/{{dataset}}/saliency/record.json",
    log:
        f"{RESULTS}/logs/saliency/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/saliency/{{dataset}}.tsv"
    params:
        code=code("saliency"),
        job=job(
            "saliency",
            f"{RESULTS}/logs/saliency/{{dataset}}.log",
            lambda wildcards: study.saliency_params(wildcards.dataset),
        ),
    priority: 10
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python -m msd stage saliency {params.job:q}"
