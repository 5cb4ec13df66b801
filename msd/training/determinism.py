"""The state of the process in which a job computes."""

import os

import torch

from msd.system.processor import THREADS  # and with it all that jobs set before torch is imported counts as their code


def single_thread() -> None:
    """One thread, no denormals, deterministic kernels: the same numbers whatever runs beside."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", THREADS["OMP_NUM_THREADS"])))
    torch.set_flush_denormal(True)
    torch.set_deterministic_debug_mode("error")  # as `use_deterministic_algorithms`, which imports the compiler
    # A debugging aid that costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
