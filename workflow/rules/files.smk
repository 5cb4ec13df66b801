# Names and files that the rules of every kind of study share.
def of_datasets(files):
    """Files of all datasets of the study."""
    return expand(files, dataset=study.datasets)


def records(files):
    """The records among files."""
    return [file for file in files if file.endswith("record.json")]


def shown(folder, name, form):
    """A table or figure of the study, marked for `snakemake --report`.

    Tables share a caption; figures have one for each kind, the name up to a dash.
    """
    return report(
        f"{RESULTS}/{folder}/{name}.{form}",
        caption=f"../report/{folder if folder == 'tables' else name.split('-')[0]}.rst",
        category=folder.capitalize(),
        labels={"name": name, "format": form},
    )


def page(caption):
    """The study's report, marked for `snakemake --report`."""
    return report(
        f"{RESULTS}/report.html",
        caption=f"../report/{caption}.rst",
        category="Report",
    )


def fetch_rule(config):
    """The name of a source's rule: rules are Python names."""
    return f"fetch_{config.name.replace('-', '_')}"


def fetched(configs):
    """All files that the rules of sources make."""
    return [
        file for config in configs for file in getattr(rules, fetch_rule(config)).output
    ]


def source_folder(name):
    return str(folder_of(study, name))


def raw_files(wildcards):
    sources = study.dataset_configs[wildcards.dataset].sources
    return [f"{source_folder(wildcards.dataset)}/raw/{item.name}" for item in sources]


def encoder_files(name):
    sources = study.encoder_configs[name].sources
    return [f"{source_folder(name)}/raw/{item.name}" for item in sources]


def encoder_file(name):
    return encoder_files(name)[0]
