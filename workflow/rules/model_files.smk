# What teachers and students start from and read: of the text encoder, or of the model that a study names.


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
