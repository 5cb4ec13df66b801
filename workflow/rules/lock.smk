# What Snakemake says of itself: whose lock it found, how far it is, and what failed.
from snakemake.logging import logger
from snakemake.settings.enums import Quietness

from msd.errors import UserError
from msd.plan import mean_seconds
from msd.progress import Shown
from msd.running import announce

if workflow.is_main_process:
    try:
        for sentence in announce(study.study):
            logger.warning(sentence)
    except UserError as error:
        raise WorkflowError(str(error)) from None
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
