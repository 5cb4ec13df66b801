# The project's entry: `snakemake` here runs config/demo.yaml, `snakemake --configfile config/x.yaml` any study.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,


onstart:
    take_over(study.study)
