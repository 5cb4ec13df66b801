# What Snakemake says of itself: whose lock it found, how far it is, what failed, what is still in a queue. And the code
# of its jobs.
import os

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

from msd.errors import UserError
from msd.lineage.digest import PACKAGE
from msd.planning.plan import mean_seconds
from msd.running import calls
from msd.running.checksums import remember_checksums
from msd.running.frozen import freeze, package_digest, run_from
from msd.running.gpu_slots import VARIABLE, offered
from msd.running.progress import Shown

# As all machines name it: each may have the project's folder at another place.
STUDY = os.path.relpath((workflow.configfiles or ["config/demo.yaml"])[0])
# The package that jobs run: a copy, which they and their Snakemakes on other machines find first.
CODE = PACKAGE
if workflow.is_main_process:
    try:
        digest = package_digest()
        for sentence in calls.announce(STUDY, digest):
            logger.warning(sentence)
        CODE = freeze(digest, used={call.code for call in calls.other_calls()})
    except UserError as error:
        raise WorkflowError(str(error)) from None
    run_from(CODE)
    remember_checksums()
    # Who chose a logger of Snakemake's plugins sees its messages as they are.
    if not (
        workflow.output_settings.dryrun or workflow.output_settings.log_handler_settings
    ):
        shown = Shown(
            lambda rule: mean_seconds(rule, study=study.study),
            workers=workflow.resource_settings.nodes
            or workflow.resource_settings.cores
            or 1,
            lines=not {Quietness.ALL, Quietness.PROGRESS}
            & set(workflow.output_settings.quiet or ()),
            logs=workflow.output_settings.show_failed_logs,
            handlers=logger.handlers,
        )
        logger.addFilter(shown)


def take_over(study_name):
    """What `onstart` does: the jobs of killed calls are cancelled before new ones are submitted."""
    executor, jobs = workflow.scheduler._executor, workflow.dag.needrun_jobs()
    try:
        for sentence in calls.take_over(STUDY):
            logger.warning(sentence)
        calls.prepare_jobs(executor, study_name, jobs)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    gpus = workflow.global_resources.get("gpu").value if workflow.local_exec else None
    # Snakemake counts them; each job takes its own, see msd/running/gpu_slots.py.
    if gpus:
        os.environ[VARIABLE] = offered(gpus)
