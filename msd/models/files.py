"""Files of models: one as config.json and model.safetensors, the students of several seeds as models.safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
from torch import Tensor

from msd.models.adapter import ADAPTERS
from msd.models.classifier import Classifier
from msd.models.visualbert import VisualBertClassifier

Model = TypeVar("Model", bound=Classifier)


def save_model(model: Classifier, *, config: str, weights: str) -> None:
    """Write a model's configuration (JSON) and its weights and buffers (safetensors)."""
    safetensors.torch.save_file(model.state_dict(), weights)
    Path(config).write_text(json.dumps(model.config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_model(*, config: str, weights: str) -> Classifier:
    """A saved model in eval mode, its parameters without gradients."""
    content = json.loads(Path(config).read_text(encoding="utf-8"))
    model = ADAPTERS[content["adapter"]](content) if "adapter" in content else VisualBertClassifier(content)
    return _filled(model, safetensors.torch.load_file(weights))


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
        state = {name.removeprefix(_prefix(seed)): file.get_tensor(name) for name in names}
    return _filled(VisualBertClassifier(config), state)


def _prefix(seed: int) -> str:
    return f"seed-{seed}/"


def _filled(model: Model, state: Mapping[str, Tensor]) -> Model:
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)
