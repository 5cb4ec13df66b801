# The teachers of each dataset, and the logistic probe that they have to reach.
PROBED = f"{RESULTS}/probes/{{dataset}}"
PROBE = Stage("probe", RESULTS, "{dataset}", lambda w: study.model_params(w.dataset))


rule probe:
    input:
        **DATASET,
        encoder=encoder_file(study.data.text_encoder),
    output:
        **recorded(PROBED),
        predictions=f"{PROBED}/predictions.safetensors",
    log:
        PROBE.log,
    benchmark:
        PROBE.benchmark
    resources:
        **PROBE.resources(mem_mb=3000, runtime=60),
    params:
        **PROBE.params,
    message:
        "Fit logistic regression on the frozen features of {wildcards.dataset}"
    shell:
        PROBE.shell


TRAINED = f"{RESULTS}/teachers/{{dataset}}/{{teacher}}"
TEACHER = Stage(
    "teacher",
    RESULTS,
    "{dataset}-{teacher}",
    lambda w: study.teacher_params(w.dataset, teacher_seed(w)),
)


rule teacher:
    input:
        **{name: file for name, file in READ["teacher"].items() if name != "test"},
        encoder=started_from("teacher"),
    output:
        **recorded(TRAINED),
        model=f"{TRAINED}/model.safetensors",
        config=f"{TRAINED}/config.json",
        tokenizer=f"{TRAINED}/tokenizer.json",
        history=f"{TRAINED}/history.parquet",
    log:
        TEACHER.log,
    benchmark:
        TEACHER.benchmark
    priority: FIRST
    threads: TEACHER.threads
    resources:
        **TEACHER.resources(mem_mb=3000, runtime=600),
    params:
        **TEACHER.params,
    message:
        "Fine-tune a teacher of {wildcards.dataset} ({wildcards.teacher})"
    shell:
        TEACHER.shell
