# teacher, student → cost: what a model costs.
COSTS = f"{RESULTS}/costs/{{dataset}}"
COST = Stage(
    "cost",
    RESULTS,
    "{dataset}",
    lambda wildcards: study.student_params(measured_student(wildcards)),
)


rule cost:
    input:
        **{
            name: file
            for name, file in READ["student"].items()
            if name not in ("train", "val")
        },
        **teacher_reads(),
        teacher=measured_teacher("model"),
        teacher_config=measured_teacher("config"),
        students=measured_models,
    output:
        **recorded(COSTS),
        cost=f"{COSTS}/cost.json",
    log:
        COST.log,
    benchmark:
        COST.benchmark
    resources:
        **COST.resources(mem_mb=2000, runtime=30),
    params:
        **COST.params,
    message:
        "Measure size, arithmetic and time of teacher and student of {wildcards.dataset}"
    shell:
        COST.shell
