# The study that the rules run, and the folders of its files.
import os
import shlex
import sys
from pathlib import Path

from msd.config.names import OVERWRITE
from msd.config.yaml_file import read_changes
from msd.data.local_files import DATA_ROOT
from msd.errors import UserError
from msd.studies import check_owners, folder_of, open_study

if len(workflow.configfiles) > 1:
    raise WorkflowError("give one --configfile: a study is one file")
STUDY_FILE = workflow.configfiles[0] if workflow.configfiles else "config/demo.yaml"
try:
    CHANGES = read_changes(workflow.config_settings.config_args or [])
    is_told = CHANGES.pop(OVERWRITE, False) is True
    study = open_study(str(STUDY_FILE), overrides=CHANGES)
    if not is_told:
        check_owners(study)
    study.check_licences()
except UserError as error:
    raise WorkflowError(str(error)) from None

# Jobs run the Python that runs Snakemake, whether or not its environment is activated.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

# Jobs read it there, on other machines too, which read this file: in no command, job file or record is the user's path.
if study.data_root is not None:
    os.environ[DATA_ROOT] = study.data_root

DATA = "results/data"
RESULTS = f"results/{study.study}"
SPLITS = ["train", "val", "test"]
FORMS = ["json", "csv", "md", "tex"]  # of a table
PICTURES = ["svg", "png"]  # of a figure
# Priority of the chain up to the teacher's outputs, which all students wait for.
FIRST = 10


wildcard_constraints:
    dataset="[^/]+",
    method="[^/]+",
    variant="[^/]+",
    teacher=r"seed-\d+",
    seeds=r"seeds-[\w-]+",
    extractor="[^/]+",
