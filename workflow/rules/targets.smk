# The targets of dvc.yaml's stages, each useful by itself: `snakemake teachers`.
rule data:
    input:
        fetched(study.sources),
        of_datasets(rules.prepare.output),
        of_datasets(rules.tokenizer.output),
        of_models(),


rule features_all:
    input:
        of_features(rules.features.output),


rule teachers:
    input:
        of_teachers(rules.teacher.output),
        of_datasets(rules.probe.output),


rule outputs_all:
    input:
        of_teachers(rules.teacher_outputs.output),


# Of the tasks on which claims are decided: what a study of the other hypothesis asks.
rule outputs_primary:
    input:
        of_teachers(rules.teacher_outputs.output, part="primary"),


rule saliency_all:
    input:
        of_teachers(rules.saliency.output),
        of_transfer(rules.transfer.output),
        of_transfer(rules.transfer_outputs.output),
        of_transfer(rules.transfer_saliency.output),


rule grid:
    input:
        [run_files(name, study.runs) for name in rules.student.output.keys()],
        of_choices(rules.choose.output),


rule costs:
    input:
        of_datasets(rules.cost.output),


# Every artefact that is kept: Snakemake brings back a missing one only if something names it.
ARTEFACTS = [
    *rules.data.input,
    *rules.features_all.input,
    *rules.teachers.input,
    *rules.outputs_all.input,
    *rules.saliency_all.input,
    *rules.grid.input,
    *rules.costs.input,
]
