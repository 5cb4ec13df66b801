# A call that was killed leaves Snakemake's lock behind: the next one says whose it was, and releases it.
from snakemake.logging import logger

from msd.running import announce

if workflow.is_main_process:
    for sentence in announce(
        str(workflow.configfiles[0] if workflow.configfiles else "the default study")
    ):
        logger.warning(sentence)
