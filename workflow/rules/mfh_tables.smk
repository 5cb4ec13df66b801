# gaussian, generality, av_mnist, crossmodal, unimodal_students → tables → figures.
MFH_TABLES = Stage("mfh_tables", RESULTS, "tables", lambda w: study.report_params())


rule mfh_tables:
    input:
        **READ,
    output:
        **recorded(f"{RESULTS}/tables"),
        tables=[shown("tables", name, form) for name in TABLES for form in FORMS],
    log:
        MFH_TABLES.log,
    benchmark:
        MFH_TABLES.benchmark
    resources:
        **MFH_TABLES.resources(mem_mb=1000, runtime=10),
    params:
        **MFH_TABLES.params,
    message:
        "Hold the Gaussian study against the paper's values"
    shell:
        MFH_TABLES.shell


SHAPES = [name.replace("_", "-") for name in FIGURES]
MFH_FIGURES = Stage("mfh_figures", RESULTS, "figures", lambda w: study.report_params())


rule mfh_figures:
    input:
        tables=[f"{RESULTS}/tables/{name}.json" for name in FIGURES],
    output:
        figures=[shown("figures", name, form) for name in SHAPES for form in PICTURES],
        record=f"{RESULTS}/figures/record.json",
    log:
        MFH_FIGURES.log,
    benchmark:
        MFH_FIGURES.benchmark
    resources:
        **MFH_FIGURES.resources(mem_mb=1000, runtime=10),
    params:
        **MFH_FIGURES.params,
    message:
        "Draw accuracy against γ and α"
    shell:
        MFH_FIGURES.shell
