"""Environments of records: which differences between two machines could change numbers, and which numbers."""

import contextlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from msd.lineage.digest import file_sha256

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "scikit-learn", "pandas",
             "pyarrow", "pillow", "matplotlib", "snakemake", "pydantic")  # fmt: skip
LOCK = Path("requirements.lock")
MODELS = "features, teachers and students, in their last digits or by a whole answer"
# What a change of a library could change. Libraries that are not named here decide no number.
EFFECTS = {
    "cpu": MODELS,  # the kernels, and so the order of sums, are chosen by the processor
    "gpu": MODELS,
    "python": "all that is drawn by the standard library's random numbers",
    "torch": MODELS,
    "transformers": "teachers and students",
    "tokenizers": "the word pieces, and so all models",
    "safetensors": "how models and predictions are stored",
    "numpy": "features, scores and intervals",
    "scipy": "intervals and p-values",
    "scikit-learn": "the logistic probe and scores",
    "pandas": "prepared tables, scores and their order",
    "pyarrow": "prepared tables",
    "pillow": "pixels of decoded pictures, and so features",
}
NO_EFFECT = "no number"


@dataclass(frozen=True)
class Difference:
    """One part of the environment that differs, and what it could change."""

    name: str
    before: str
    after: str
    effect: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} → {self.after}"


def describe_environment(*, load_torch: bool = False) -> dict[str, Any]:
    """Lock digest, installed versions and machine, as a record has them; a GPU shows only when torch is loaded."""
    if load_torch:
        import torch  # noqa: F401
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return {
        "lock_sha256": file_sha256(LOCK) if LOCK.is_file() else None,
        "versions": versions,
        "host": platform.node(),
        "cpu": {"model": _cpu_model(), "count": os.cpu_count(), "asked_for": os.environ.get("ATEN_CPU_CAPABILITY")},
        "gpu": _gpu_name(),
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gpu_name() -> str | None:
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """The parts of two environments (of records, or of this machine) that differ, those that matter first."""
    pairs = {"cpu": (before["cpu"]["model"], after["cpu"]["model"]), "gpu": (before["gpu"], after["gpu"])}
    for name in ("python", *LIBRARIES):
        pairs[name] = (before["versions"].get(name), after["versions"].get(name))
    for name in sorted(pairs, key=lambda name: (name not in EFFECTS, list(pairs).index(name))):
        old, new = pairs[name]
        if old != new:
            yield Difference(name, str(old or "none"), str(new or "none"), EFFECTS.get(name, NO_EFFECT))


def environment_notes(records: Iterable[Mapping[str, Any]], here: Mapping[str, Any]) -> list[str]:
    """One sentence for each difference between this machine and those of the records, and what it could change."""
    counts: Counter[Difference] = Counter()
    for content in records:
        counts.update(differences(content, here))
    notes = []
    for item, count in counts.items():
        records_were = "1 record was" if count == 1 else f"{count} records were"
        could = "changes no number" if item.effect == NO_EFFECT else f"could change {item.effect}, if it ran again here"
        notes.append(f"environment: {records_were} made with {item.name} {item.before}, here is {item.after}: {could}")
    return notes
