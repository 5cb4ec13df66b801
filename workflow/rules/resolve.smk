# The study as one file, whatever its kind.
RESOLVE = Stage("resolve", RESULTS, "resolve", lambda wildcards: study.resolved())


rule resolve:
    output:
        study=f"{RESULTS}/config/study.yaml",
        record=f"{RESULTS}/config/record.json",
    log:
        RESOLVE.log,
    benchmark:
        RESOLVE.benchmark
    # Its record says whose the folder is.
    priority: FIRST
    localrule: True
    resources:
        **RESOLVE.resources(mem_mb=500, runtime=10),
    params:
        **RESOLVE.params,
    message:
        "Write down the study with everything it names"
    shell:
        RESOLVE.shell
