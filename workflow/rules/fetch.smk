# Raw files of every data set and encoder that a study names, whatever its kind.
from msd.config.files import fetch_params

for config in study.sources:
    folder = source_folder(config.name)
    FETCH = Stage(
        "fetch", DATA, config.name, lambda w, config=config: fetch_params(config)
    )

    rule:
        name:
            fetch_rule(config)
        output:
            files=[f"{folder}/raw/{item.name}" for item in config.sources],
            source=f"{folder}/source.json",
            record=f"{folder}/record.json",
        log:
            FETCH.log,
        benchmark:
            FETCH.benchmark
        priority: FIRST
        # On a cluster, the machines that compute have no network.
        localrule: True
        resources:
            mem_mb=500,
            runtime=60,
            network=1,
        params:
            **FETCH.params,
        message:
            f"Fetch {config.title} ({config.licence.name})"
        shell:
            FETCH.shell
