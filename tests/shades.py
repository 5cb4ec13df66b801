"""A run of students on a few pictures and texts, made by the stages themselves, and what `msd export` makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from synthetic_records import write_record
from teacher_files import write_outputs

from msd.config.contracts.data import FeaturesParams
from msd.config.contracts.training import StudentParams
from msd.data.pictures import png, write_archive
from msd.deploy.bundle import Exported, export
from msd.features.efficientnet_lite import EfficientNetLite
from msd.job import Job
from msd.models.views import VIEWS
from msd.running.run_job import run

WORDS = ["red", "blue", "green"]
SIZES = {"train": 24, "val": 12, "test": 12}
RUN = Path("results/toy/students/shades/finetune/default/seeds-0-1")


@dataclass(frozen=True)
class Made:
    """pictures: of the test split, by name.   texts: of the test split.   exported: the better one of two seeds."""

    pictures: dict[str, Image.Image]
    texts: list[str]
    exported: Exported


def make(write_tokenizer: Callable[[Path], None]) -> Made:
    """The run and its export, in the folder that is the current one."""
    pictures, texts = make_run(write_tokenizer)
    return Made(pictures, texts, export(str(RUN)))


def make_run(write_tokenizer: Callable[[Path], None]) -> tuple[dict[str, Image.Image], list[str]]:
    """The run alone; pictures and texts of its test split."""
    pictures, texts = _prepare()
    place = Path("results/data/shades")
    write_tokenizer(place / "tokenizer.json")
    write_record("prepare", str(place), outputs=sorted(str(path) for path in place.iterdir()))
    run(_features())
    run(_student())
    return pictures, texts


def _prepare() -> tuple[dict[str, Image.Image], list[str]]:
    """Pictures of odd sizes and texts of three labels, in the files of the stage `prepare` and of a teacher."""
    place, generator = Path("results/data/shades"), np.random.default_rng(0)
    place.mkdir(parents=True)
    pictures, texts = dict[str, Image.Image](), list[str]()
    for split, size in SIZES.items():
        labels = generator.integers(0, 3, size)
        own = {f"{split}-{row}.png": _picture(generator, int(label)) for row, label in enumerate(labels)}
        words = [f"the {WORDS[label]} {'cat ' * (row % 4)}".strip() for row, label in enumerate(labels)]
        table = {"uid": [*own], "image": [*own], "text": words, "target": [[int(label)] for label in labels]}
        pd.DataFrame(table | {"score": [[1.0]] * size}).to_parquet(place / f"{split}.parquet")
        outputs = {f"{view}/logits": torch.eye(3)[labels] for view in VIEWS}
        outputs |= {f"{view}/features": torch.zeros(size, 4) for view in VIEWS}
        write_outputs(outputs, str(place / f"{split}.safetensors"), prepared=str(place / f"{split}.parquet"))
        pictures |= own
        if split == "train":
            saliency = {modality: np.ones(size, np.float32) for modality in ("image", "text")}
            pd.DataFrame({"uid": [*own], **saliency}).to_parquet(place / "saliency.parquet")
        if split == "test":
            texts = words
    write_archive(place / "pictures.zip", {name: png(picture) for name, picture in pictures.items()})
    (place / "labels.json").write_text('["röt", "blau", "grün"]', encoding="utf-8")
    torch.manual_seed(0)
    torch.save(EfficientNetLite().state_dict(), place / "weights.pth")
    return {name: picture for name, picture in pictures.items() if name.startswith("test")}, texts


def _picture(generator: np.random.Generator, label: int) -> Image.Image:
    pixels = generator.integers(0, 90, (int(generator.integers(20, 120)), 80, 3))
    pixels[:, :, label] += 150
    return Image.fromarray(pixels.astype(np.uint8))


def _features() -> Job[FeaturesParams]:
    place = "results/data/shades"
    outputs = {"regions": f"{place}/features/regions.npy", "spec": f"{place}/features/spec.json"}
    return Job(
        "features",
        FeaturesParams(extractor="efficientnet-lite0", module="efficientnet_lite", size=96, dims=1280, device="cpu"),
        {"pictures": f"{place}/pictures.zip", "weights": [f"{place}/weights.pth"]},
        {**outputs, "record": f"{place}/features/record.json"},
    )


def _student() -> Job[StudentParams]:
    place = "results/data/shades"
    inputs = {name: f"{place}/{name}.json" for name in ("labels", "tokenizer")}
    inputs |= {split: f"{place}/{split}.parquet" for split in SIZES}
    inputs |= {f"{split}_outputs": f"{place}/{split}.safetensors" for split in SIZES}
    inputs |= {name: f"{place}/features/{file}" for name, file in (("regions", "regions.npy"), ("spec", "spec.json"))}
    names = {"metrics_table": "metrics.parquet", "history": "history.parquet", "run": "run.yaml"}
    names |= {"predictions": "predictions.safetensors", "models": "models.safetensors", "record": "record.json"}
    schedule = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
    sizes = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 32, "dropout": 0.1, "positions": 8}
    params = {
        **{"dataset": "shades", "dataset_task": "multiclass", "metric": "accuracy", "removal": "mask"},
        **{"data": {"regions": 2, "max_tokens": 8}, "schedule": schedule, "seeds": [0, 1], "teachers": [0, 0]},
        **{"method": "finetune", "implementation": "finetune", "variant": "default", "parameters": {}},
        "architecture": {**sizes, "pool": "modality-means"},
    }
    outputs = {name: str(RUN / file) for name, file in names.items()}
    return Job(
        "student", StudentParams.model_validate(params), {**inputs, "saliency": f"{place}/saliency.parquet"}, outputs
    )
