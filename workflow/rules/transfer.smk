# prepare → transfer → teacher_outputs, saliency: pairs without labels, and what a teacher says of them.
UNLABELLED = f"{RESULTS}/transfer/{{dataset}}"
PAIR = Stage(
    "transfer", RESULTS, "{dataset}", lambda w: study.transfer_params(w.dataset)
)


rule transfer:
    input:
        train=DATASET["train"],
    output:
        **recorded(UNLABELLED),
        transfer=f"{UNLABELLED}/transfer.parquet",
    log:
        PAIR.log,
    benchmark:
        PAIR.benchmark
    priority: FIRST
    resources:
        **PAIR.resources(mem_mb=2000, runtime=30),
    params:
        **PAIR.params,
    message:
        "Pair the training texts and pictures of {wildcards.dataset} anew"
    shell:
        PAIR.shell


ANSWERED = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/transfer/outputs"
ANSWER = Stage(
    "teacher_outputs",
    RESULTS,
    "{dataset}-{teacher}-transfer",
    lambda w: study.outputs_params(w.dataset),
)


rule transfer_outputs:
    input:
        **{name: file for name, file in READ["teacher"].items() if name not in SPLITS},
        transfer=rules.transfer.output.transfer,
        model=rules.teacher.output.model,
        config=rules.teacher.output.config,
    output:
        **recorded(ANSWERED),
        transfer=f"{ANSWERED}/transfer.safetensors",
    log:
        ANSWER.log,
    benchmark:
        ANSWER.benchmark
    priority: FIRST
    resources:
        **ANSWER.resources(mem_mb=3000, runtime=240),
    params:
        **ANSWER.params,
    message:
        "Ask a teacher of {wildcards.dataset} ({wildcards.teacher}) for its answers to the new pairs"
    shell:
        ANSWER.shell


WEIGHED = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/transfer/saliency"
WEIGH = Stage(
    "saliency",
    RESULTS,
    "{dataset}-{teacher}-transfer",
    lambda w: study.saliency_params(w.dataset),
)


rule transfer_saliency:
    input:
        transfer=rules.transfer.output.transfer,
        transfer_outputs=rules.transfer_outputs.output.transfer,
    output:
        **recorded(WEIGHED),
        transfer=f"{WEIGHED}/transfer.parquet",
        summary=f"{WEIGHED}/summary.json",
    log:
        WEIGH.log,
    benchmark:
        WEIGH.benchmark
    priority: FIRST
    resources:
        **WEIGH.resources(mem_mb=1000, runtime=30),
    params:
        **WEIGH.params,
    message:
        "Measure the saliency of both modalities of the new pairs of {wildcards.dataset} ({wildcards.teacher})"
    shell:
        WEIGH.shell


# What a student's job reads of each teacher's.
TRANSFERRED = {
    "transfer_outputs": rules.transfer_outputs.output.transfer,
    "transfer_saliency": rules.transfer_saliency.output.transfer,
}
