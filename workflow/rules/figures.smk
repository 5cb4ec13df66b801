# collect, tables → figures.
SEARCHED = {
    name: None
    for config in study.cell_configs.values()
    for name, value in config.parameters.items()
    if isinstance(value, list) and len(value) > 1
}
FIGURES = [
    *["main", "curves", "saliency", "saliency-scatter"],
    *of_datasets("densities-{dataset}"),
    *of_datasets("examples-{dataset}"),
    *[f"sensitivity-{name}" for name in SEARCHED],
    *(["weights"] if study.report.learned else []),
]
DRAW = Stage("figures", RESULTS, "figures", lambda wildcards: study.report_params())


rule figures:
    input:
        **RESULTS_READ,
        saliency=of_teachers(rules.saliency.output.test),
        train_saliency=of_teachers(rules.saliency.output.train),
        pictures=of_datasets(rules.prepare.output.pictures),
        main=f"{RESULTS}/tables/main.json",
    output:
        figures=[shown("figures", name, form) for name in FIGURES for form in PICTURES],
        record=f"{RESULTS}/figures/record.json",
    log:
        DRAW.log,
    benchmark:
        DRAW.benchmark
    resources:
        **DRAW.resources(mem_mb=2000, runtime=60),
    params:
        **DRAW.params,
    message:
        "Draw the figures"
    shell:
        DRAW.shell
