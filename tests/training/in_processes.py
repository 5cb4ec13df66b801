"""Started by PyTorch's launcher, or by hand: train a student with each of some methods; in_processes.py OUTPUT METHOD…"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from small_study import new_engine, new_model, new_setting, rows_of

from msd.config.contracts.training import Schedule
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.distill.method import method_class
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.history import History

SCHEDULE = {"epochs": 3, "batch_size": 5, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}


def trained(
    name: str, task: str = "multiclass", stop: int | None = None, **options: Any
) -> tuple[dict[str, torch.Tensor], list[Any]]:
    """Weights and curves of a student of 12 samples in batches of 5, 5 and 2, with an engine of these options."""
    config = read_model(MethodConfig, Path(f"config/methods/{name}.yaml"))
    engine, history, live = new_engine(**options), History(), {}
    if config.teacher == "model":
        live["model"] = new_model(7, layers=3, width=24, heads=4).eval().requires_grad_(False).to(engine.device)
    setting = new_setting(task=task, **live)
    engine.place(setting.student)
    options = config.points[0][1]
    options |= {"meta_share": 0.5} if "meta_share" in options else {}  # of 12 samples, with 4 labels
    method = method_class(config.implementation)(options, setting)
    schedule = Schedule(**SCHEDULE, stop=stop)
    train(method, name=name, schedule=schedule, history=history, validate=dict, engine=engine)
    return setting.student.state_dict(), rows_of(history)


if __name__ == "__main__":
    single_thread()
    results = {name: trained(name, processes=int(os.environ["WORLD_SIZE"])) for name in sys.argv[2:]}
    if os.environ["RANK"] == "0":
        torch.save(results, sys.argv[1])
