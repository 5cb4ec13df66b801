"""Files of models: one as config.json and model.safetensors, the students of several seeds as models.safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from msd.models.visualbert import VisualBertClassifier


def save_model(model: VisualBertClassifier, *, config: str, weights: str) -> None:
    """Write a model's configuration (JSON) and its weights and buffers (safetensors)."""
    safetensors.torch.save_file(model.state_dict(), weights)
    Path(config).write_text(json.dumps(model.config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_model(*, config: str, weights: str) -> VisualBertClassifier:
    """A saved model in eval mode, its parameters without gradients."""
    return _filled(json.loads(Path(config).read_text(encoding="utf-8")), safetensors.torch.load_file(weights))


def save_students(students: Mapping[int, VisualBertClassifier], path: str) -> None:
    """Write the students of several seeds to one file, with the keys `seed-<seed>/<name>`."""
    tensors = {
        _prefix(seed) + name: value for seed, one in students.items() for name, value in one.state_dict().items()
    }
    safetensors.torch.save_file(tensors, path)


def load_student(path: str, *, seed: int, config: Mapping[str, Any]) -> VisualBertClassifier:
    """The student of one seed, in eval mode, its parameters without gradients."""
    with safetensors.safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(_prefix(seed))]  # noqa: SIM118
        return _filled(config, {name.removeprefix(_prefix(seed)): file.get_tensor(name) for name in names})


def _prefix(seed: int) -> str:
    return f"seed-{seed}/"


def _filled(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> VisualBertClassifier:
    model = VisualBertClassifier(config)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)
