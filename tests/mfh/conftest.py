"""An MSD study's files of one small generated dataset, whose teacher and text encoder are as small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from teacher_files import write_encoder, write_outputs

from msd.config.contracts.training import EngineParams
from msd.mfh.crossmodal.config import read_crossmodal
from msd.mfh.crossmodal.run import read, run
from msd.mfh.crossmodal.training import KINDS

WORDS = ["red", "blue", "cat", "dog", "a", "the"]
SIZES = {"train": 60, "val": 30, "test": 40}
WIDTH = 8
METHODS = {"no-kd"} | {f"{role}-{kind}" for role in ("teacher", "kd") for kind in KINDS}


@pytest.fixture
def distilled() -> Callable[..., tuple[int, pd.Series]]:
    """A function that runs config/crossmodal/<name>.yaml with one seed on a folder, its data and training made smaller.

    It returns the number of classes, and the score of every (teacher, method), of which none is missing.
    """

    def distil(name: str, folder: Path, data: dict[str, Any], **changes: Any) -> tuple[int, pd.Series]:
        torch.set_num_threads(1)
        [config] = read_crossmodal({name: str(folder)}).values()
        splits, classes = read(config.data.model_copy(update=data), folder)
        student = changes.pop("student", config.student)
        training = config.training.model_copy(update={"engine": EngineParams(), **changes})
        params = config.params(str(folder)).model_copy(update={"seeds": [0], "training": training, "student": student})
        scores = run(splits, classes, params).set_index(["teacher", "method"])["score"]
        assert set(scores.index) == {(teacher, method) for teacher in config.teachers for method in METHODS}
        assert scores.between(0, 100).all()
        return classes, scores

    return distil


@pytest.fixture
def teacher_files(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> dict[str, str]:
    """Inputs of the jobs `teacher_variants` and `unimodal_students`: three classes, seen in pictures and in words.

    The teacher's pooled features are [text ; image ; their product]; of text and image, the first three channels tell
    the class, the others nothing.
    """
    generator = np.random.default_rng(0)
    names = (*SIZES, "labels", "tokenizer", "spec", "encoder")
    inputs = {name: str(tmp_path / name) for name in names} | {"regions": str(tmp_path / "regions.npy")}
    pictures = [f"{number}.png" for number in range(sum(SIZES.values()) // 2)]  # two samples a picture
    classes = generator.integers(0, 3, len(pictures))
    regions = generator.normal(size=(len(pictures), 9, 6))
    regions[..., :3] += 1.5 * np.eye(3)[classes][:, None]
    np.save(inputs["regions"], regions.astype(np.float16))
    head = torch.from_numpy(generator.normal(size=(3, 3 * WIDTH))).float() * 0.2
    head[:, :3] += torch.eye(3)
    head[:, WIDTH : WIDTH + 3] += torch.eye(3)
    start = 0
    for split, size in SIZES.items():
        rows = np.arange(start, start + size) // 2
        labels = classes[rows]
        table = {
            "uid": [f"{split}-{row}" for row in range(size)],
            "image": [pictures[row] for row in rows],
            "text": [f"the {WORDS[label]} {generator.choice(WORDS)}" for label in labels],
            "target": [[int(label)] for label in labels],
            "score": [[1.0]] * size,
        }
        pd.DataFrame(table).to_parquet(inputs[split])
        inputs[f"{split}_outputs"] = str(tmp_path / f"{split}.safetensors")
        tensors = {"head/weight": head, "head/bias": torch.zeros(3)}
        for view, features in pooled(labels, generator).items():
            tensors |= {f"{view}/features": features, f"{view}/logits": features @ head.T}
        write_outputs(tensors, inputs[f"{split}_outputs"], prepared=inputs[split])
        start += size
    Path(inputs["spec"]).write_text(json.dumps({"pictures": pictures}))
    Path(inputs["labels"]).write_text(json.dumps(["a", "b", "c"]))
    write_tokenizer(Path(inputs["tokenizer"]))
    write_encoder(inputs["encoder"], tokenizer=inputs["tokenizer"])
    return inputs


def pooled(labels: np.ndarray, generator: np.random.Generator) -> dict[str, torch.Tensor]:
    """The teacher's features of each view."""
    text, image = generator.normal(size=(2, len(labels), WIDTH))
    for part in (text, image):
        part[:, :3] += 2 * np.eye(3)[labels]
    zero = np.zeros_like(text)
    views = {"both": (text, image, text * image), "image": (zero, image, zero), "text": (text, zero, zero)}
    return {view: torch.from_numpy(np.hstack(parts)).float() for view, parts in views.items()}
