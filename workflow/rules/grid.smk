# Which files and modules the jobs of an MSD study use: functions of wildcards, runs and cells.
from msd.config.contracts.tables import CHOSEN
from msd.config.grid import Run


def of_cells(files):
    """Files of all cells: every method on every dataset that it runs on."""
    return [
        file.format(dataset=dataset, method=method)
        for dataset, method in study.cell_configs
        for file in ([files] if isinstance(files, str) else files)
    ]


def of_choices(files):
    """Files of all choices: of every cell whose point some of its seeds choose for the others."""
    cells = {(run.dataset, run.method) for run in study.runs if run.variant == CHOSEN}
    return [
        file.format(dataset=dataset, method=method)
        for dataset, method in study.cell_configs
        if (dataset, method) in cells
        for file in files
    ]


def of_teachers(files):
    """Files of all teachers of all datasets."""
    return [
        file.format(dataset=dataset, teacher=f"seed-{seed}")
        for dataset in study.datasets
        for seed in study.teacher_seeds(dataset)
        for file in ([files] if isinstance(files, str) else files)
    ]


def of_transfer(files):
    """Files of all datasets whose students learn from pairs without labels."""
    with_pairs = [dataset for dataset in study.datasets if study.pairs(dataset)]
    return [
        file.format(dataset=dataset, teacher=f"seed-{seed}")
        for dataset in with_pairs
        for seed in study.teacher_seeds(dataset)
        for file in files
    ]


def teacher_seed(wildcards):
    return int(wildcards.teacher.removeprefix("seed-"))


def read_by(role):
    """What every job that runs a dataset's teacher or students reads of it: `DATASET`, or what their model reads."""
    models = [study.model_of(role, name) for name in study.datasets]
    if not any(models):
        return DATASET
    own = {"tokenizer": lambda wildcards: own_tokenizer(role, wildcards)}
    if any(model is not None and model.reads_pixels for model in models):
        pictures = rules.prepare.output.pictures
        own |= {
            name: if_pixels(role, False, DATASET[name]) for name in ("regions", "spec")
        }
        own["pictures"] = if_pixels(role, True, pictures)
    return DATASET | own


def if_pixels(role, is_wanted, file):
    """Input function: a file that a role reads only of a dataset whose model reads pixels, or whose does not."""
    return lambda w: file.format(**w) if reads_pixels(role, w) == is_wanted else []


def reads_pixels(role, wildcards):
    model = study.model_of(role, wildcards.dataset)
    return model is not None and model.reads_pixels


def own_tokenizer(role, wildcards):
    """The word pieces of what a role starts from: of a model that reads pixels all, else those of the texts."""
    model = study.model_of(role, wildcards.dataset)
    if model is None:
        return rules.tokenizer.output.tokenizer.format(dataset=wildcards.dataset)
    if model.reads_pixels:
        return getattr(rules, convert_rule(model.name)).output.tokenizer
    file = rules.model_tokenizer.output.tokenizer
    return file.format(dataset=wildcards.dataset, model=model.name)


def of_models():
    """What is made of the models that teachers and students start from, and of their word pieces."""
    used = {
        (dataset, model.name)
        for dataset in study.datasets
        for model in (study.model_of(role, dataset) for role in ("teacher", "student"))
        if model is not None and not model.reads_pixels
    }
    return [
        *(getattr(rules, convert_rule(name)).output for name in study.model_configs),
        *(
            file.format(dataset=dataset, model=name)
            for dataset, name in sorted(used)
            for file in rules.model_tokenizer.output
        ),
    ]


def convert_rule(name):
    return f"convert_{name.replace('-', '_')}"


def started_from(role):
    """The weights that a role starts from: the text encoder's file, or what its model was converted to."""
    encoder = encoder_file(study.data.text_encoder)
    if not study.model_configs:
        return encoder

    def file(wildcards):
        model = study.model_of(role, wildcards.dataset)
        return encoder if model is None else package_file(model.name)

    return file


def dataset_module(wildcards):
    return [f"msd.data.readers.{study.dataset_configs[wildcards.dataset].reader}"]


def extractor_module(wildcards):
    return [f"msd.features.{study.extractor(wildcards.dataset).module}"]


def extractor_files(wildcards):
    return encoder_files(wildcards.extractor)


def features_file(file):
    """Input function: a file of the features that a dataset's models read."""
    return lambda wildcards: file.format(
        dataset=wildcards.dataset, extractor=study.extractor(wildcards.dataset).name
    )


def of_features(files):
    """Files of the features of all datasets."""
    return [
        file.format(dataset=dataset, extractor=study.extractor(dataset).name)
        for dataset in study.datasets
        for file in files
    ]


def method_module(wildcards):
    implementation = study.method_configs[wildcards.method].implementation
    return [f"msd.distill.methods.{implementation}"]


def run_params(wildcards):
    return study.student_params(Run(**wildcards))


def run_files(name, runs):
    """One output of the rule student for each of `runs`."""
    return [rules.student.output[name].format(**run._asdict()) for run in runs]


def taught_by(wildcards):
    """What a student's job reads of each of its teachers, and of the job that chose its point of the grid."""
    run = Run(**wildcards)
    files = OUTPUTS | {"saliency": rules.saliency.output.train}
    read = {}
    if study.pairs(run.dataset):
        files |= TRANSFERRED
        read["transfer"] = rules.transfer.output.transfer.format(dataset=run.dataset)
    kind = study.method_configs[run.method].teacher
    if kind == "model":
        output = rules.teacher.output
        files |= {"teacher_model": output.model, "teacher_config": output.config}
        if study.model_configs:
            files["teacher_tokenizer"] = output.tokenizer
    for teacher in dict.fromkeys(study.teachers_of(run)):
        for name, file in files.items():
            path = file.format(dataset=run.dataset, teacher=f"seed-{teacher}")
            read.setdefault(name, []).append(path)
    if kind == "student":
        read["teacher_students"] = run_files("models", [study.from_scratch(run)])[0]
    if run.variant == CHOSEN:
        read["choice"] = rules.choose.output.choice.format(**wildcards)
    return read


def students_start(wildcards):
    """What students start from: their model, or the text encoder where their words do."""
    student = study.training("student", wildcards.dataset)
    if student.model is not None:
        return {"encoder": package_file(student.model)}
    if student.words == "scratch":
        return {}
    return {"encoder": encoder_file(study.data.text_encoder)}


def teacher_reads():
    """What the job that measures both reads of a dataset for the teacher alone: name -> file, `teacher_` in front."""
    if READ["teacher"] is READ["student"]:
        return {}
    names = ("tokenizer", "pictures")
    files = {name: READ["teacher"].get(name, []) for name in names}
    return {f"teacher_{name}": file for name, file in files.items() if file != []}


def measured_student(wildcards):
    """The run whose first student stands for all: they share one architecture."""
    return study.runs_of(wildcards.dataset, study.report.from_scratch)[0]


def measured_teacher(name):
    """Input function: one output of the teacher that stands for all of a dataset."""
    return lambda wildcards: rules.teacher.output[name].format(
        dataset=wildcards.dataset,
        teacher=f"seed-{study.teacher_seeds(wildcards.dataset)[0]}",
    )


def measured_models(wildcards):
    return run_files("models", [measured_student(wildcards)])[0]


def cell_files(name):
    """Input function: one output of each run of a cell."""
    return lambda cell: run_files(name, study.runs_of(cell.dataset, cell.method))


def searched_files(name):
    """Input function: one output of each run of a cell that has a part in choosing its point."""
    return lambda cell: run_files(name, study.searched_runs(cell.dataset, cell.method))
