"""One thread and one instruction set for every job: the same kernels on most processors, and so the same last bits."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from msd.errors import UserError

if TYPE_CHECKING:
    import torch

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2,STRICT",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""How PyTorch's own kernels, MKL, oneDNN, and NumPy's and SciPy's OpenBLAS are asked to compute as on a processor with
AVX2 and no AVX-512."""
CUDA = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Without which cuBLAS may sum in another order each time, and PyTorch refuses to multiply when it must not."""


def settle_arithmetic() -> None:
    """Set what PyTorch and NumPy read when first imported: one thread, and AVX2 where Linux says that there is AVX2.

    A user's own values stay, but for the number of threads. MKL's request is its "conditional numerical
    reproducibility" (oneMKL Developer Guide): equal bits for any alignment of memory, too.
    """
    cpu = Path("/proc/cpuinfo")
    has_avx2 = platform.machine() == "x86_64" and cpu.is_file() and " avx2 " in cpu.read_text(encoding="utf-8")
    os.environ.update(THREADS)
    for name, value in {**CUDA, **(AVX2 if has_avx2 else {})}.items():
        os.environ.setdefault(name, value)


def chosen_device(name: str) -> torch.device:
    """The device `auto`, `cpu` or `cuda`; UserError for a GPU that PyTorch does not see."""
    import torch  # which reads what `settle_arithmetic` sets

    is_there = torch.cuda.is_available()
    if name == "cuda" and not is_there:
        raise UserError("engine.device: PyTorch sees no GPU on this machine; write auto or cpu")
    return torch.device("cuda" if is_there and name != "cpu" else "cpu")
