"""Stage `teacher`: fine-tune a pretrained model, or a VisualBERT whose text side is a BERT's, on image and text."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING

from msd.data.raw_files import read_member
from msd.distill.method import Method, Setting
from msd.models.build import start_from_encoder, start_from_model
from msd.models.files import save_model
from msd.models.sizes import parameter_count
from msd.models.visualbert import VisualBertClassifier
from msd.seeds import derive_seed
from msd.training.checkpoint import Checkpoint
from msd.training.dataset import Dataset
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

if TYPE_CHECKING:
    from msd.config.contracts.training import TeacherParams
    from msd.job import Job


def train_teacher(job: Job[TeacherParams]) -> dict[str, float]:
    """Write model.safetensors, config.json, tokenizer.json and history.parquet of one dataset's teacher."""
    single_thread()
    params, seed = job.params, job.params.seed
    dataset = Dataset.load(params, job.inputs, splits=("train", "val"))
    files = job.inputs["encoder"], job.inputs["tokenizer"]
    architecture = params.architecture.model_dump()
    if "adapter" in architecture:
        architecture["transformers"] = json.loads(read_member(files[0], "config.json"))
    model = dataset.new_model(architecture, seed=derive_seed(dataset.name, seed, "teacher"))
    if params.pretrained is not None:
        copied = start_from_model(model, *files, name=params.pretrained)
    else:
        assert isinstance(model, VisualBertClassifier), "all others start from a model of config/models"
        copied = start_from_encoder(model, *files)
    history, engine = History(), Engine(params.engine)
    engine.place(model)
    train(
        Method({}, Setting(dataset.name, seed, dataset.task, dataset.splits["train"], model)),
        name="teacher",
        schedule=params.schedule,
        history=history,
        validate=partial(dataset.validate, model),
        rates=dict.fromkeys(copied, params.schedule.pretrained_learning_rate),
        checkpoint=Checkpoint(job.scratch, "teacher"),
        engine=engine,
    )
    save_model(model, config=job.outputs["config"], weights=job.outputs["model"])
    shutil.copyfile(job.inputs["tokenizer"], job.outputs["tokenizer"])
    history.write(job.outputs["history"])
    scores = {f"val/{name}": value for name, value in dataset.validate(model).items()}
    return {"parameters": float(parameter_count(model)), **scores}
