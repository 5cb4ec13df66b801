# The end of every kind of study: its records in MLflow, and all that is kept (ARTEFACTS).
from msd.lineage.digest import code_digest


rule track:
    input:
        records(ARTEFACTS),
    output:
        touch(f"{RESULTS}/logs/tracked"),
    log:
        f"{RESULTS}/logs/track/track.log",
    benchmark:
        f"{RESULTS}/benchmarks/track/track.tsv"
    # One writer of the database, on the machine that runs Snakemake.
    localrule: True
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest(
            ["msd.tracking", "msd.tracking.artefacts", "msd.tracking.values"],
            package=CODE,
        ),
        study=study.study,
    message:
        "Import what is new into MLflow"
    shell:
        "python -m msd track {params.study} > {log} 2>&1"


rule all:
    input:
        ARTEFACTS,
        rules.track.output,
