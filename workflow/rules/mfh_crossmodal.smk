# crossmodal: the paper's data sets whose folders the study names; no names, no jobs.
CROSSED = f"{RESULTS}/crossmodal/{{name}}"
CROSSMODAL = Stage(
    "crossmodal",
    RESULTS,
    "{name}",
    lambda w: study.crossmodal_params(w.name),
    lambda w: study.crossmodal_configs[w.name].modules,
)


rule crossmodal:
    # The data lie in a folder of the user's, outside the project: what was read of it, data.json says.
    output:
        **recorded(CROSSED),
        runs=f"{CROSSED}/runs.parquet",
        data=f"{CROSSED}/data.json",
        findings=f"{CROSSED}/findings.json",
    log:
        CROSSMODAL.log,
    benchmark:
        CROSSMODAL.benchmark
    resources:
        # All samples are held in memory; of VGGSound those of a hundred classes.
        mem_mb=lambda w: 100000 if w.name.startswith("vggsound") else 24000,
        runtime=2880,
        gpu=CROSSMODAL.resources()["gpu"],
    params:
        **CROSSMODAL.params,
    message:
        "Train teachers and students of {wildcards.name}"
    shell:
        CROSSMODAL.shell


TABLES += ["crossmodal"] if study.crossmodal else []
READ["crossmodal"] = expand(rules.crossmodal.output.runs, name=study.crossmodal)
READ["crossmodal_findings"] = expand(
    rules.crossmodal.output.findings, name=study.crossmodal
)
ARTEFACTS += expand(rules.crossmodal.output, name=study.crossmodal)
