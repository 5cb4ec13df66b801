"""Started by PyTorch's launcher: run a student's job, each process sent SIGTERM in a step of its own; FILE [STEP…]"""

import os
import signal
import sys
from typing import Any

from msd.system.processor import settle_arithmetic

settle_arithmetic()

from msd.running import run_job  # noqa: E402
from msd.training import loop  # noqa: E402

MADE, STEPS = loop._step, [int(step) for step in sys.argv[2:]]


def signalled(training: loop.Training, step: int, *arguments: Any, **options: Any) -> None:
    if STEPS and step == STEPS[int(os.environ["RANK"])]:
        os.kill(os.getpid(), signal.SIGTERM)
    MADE(training, step, *arguments, **options)


loop._step = signalled
sys.exit(run_job.main("student", sys.argv[1]))
