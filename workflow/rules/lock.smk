# What Snakemake says of itself: whose lock it found, what failed, what is still in a queue. And the code of its jobs.
import os

from snakemake.logging import logger

from msd import running
from msd.errors import UserError
from msd.frozen import freeze, package_digest
from msd.gpu_slots import VARIABLE, offered
from msd.lineage.digest import PACKAGE

logger.addFilter(running.shorten)
# As all machines name it: each may have the project's folder at another place.
STUDY = os.path.relpath((workflow.configfiles or ["config/demo.yaml"])[0])
# The package that jobs run: a copy, which they and their Snakemakes on other machines find first.
CODE = PACKAGE
if workflow.is_main_process:
    try:
        digest = package_digest()
        for sentence in running.announce(STUDY, digest):
            logger.warning(sentence)
        CODE = freeze(digest, used={call.code for call in running.calls()})
    except UserError as error:
        raise WorkflowError(str(error)) from None
    paths = [str(CODE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Without the second, `python -m` would take the package of the working folder.
    os.environ.update(PYTHONPATH=os.pathsep.join(paths), PYTHONSAFEPATH="1")


def take_over(study_name):
    """What `onstart` does: the jobs of killed calls are cancelled before new ones are submitted."""
    try:
        for sentence in running.take_over(STUDY):
            logger.warning(sentence)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    running.name_jobs(workflow.scheduler._executor, study_name)
    gpus = workflow.global_resources.get("gpu").value if workflow.local_exec else None
    if gpus:  # which Snakemake counts: each job takes its own, see msd/gpu_slots.py
        os.environ[VARIABLE] = offered(gpus)
