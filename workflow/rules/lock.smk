# What Snakemake says of itself: whose lock it found, and what failed.
from snakemake.logging import logger

from msd.errors import UserError
from msd.running import announce, shorten

logger.addFilter(shorten)
if workflow.is_main_process:
    STUDY = workflow.configfiles[0] if workflow.configfiles else "the default study"
    try:
        for sentence in announce(str(STUDY)):
            logger.warning(sentence)
    except UserError as error:
        raise WorkflowError(str(error)) from None
