"""A data set of a user's is added by one module and one YAML file, which are found by name."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from faults import one_sentence
from stages import run_stage

from msd.mfh.crossmodal import readers
from msd.mfh.crossmodal.config import FILES, read_config
from msd.mfh.crossmodal.reader import DataReader, reader_class, reader_names
from msd.studies import open_study

MODULE = '''
"""Reader of drawn numbers, whose signs both modalities show."""

from pathlib import Path
from typing import Literal

import torch

from msd.config.strict import Count
from msd.mfh.crossmodal.reader import DataReader
from msd.mfh.crossmodal.samples import Samples


class Drawn(DataReader):
    """Number of samples of a split."""

    modalities = ("left", "right")
    metric = "accuracy"
    reader: Literal["made-up"] = "made-up"
    count: Count = 20

    def read(self, folder: Path) -> dict[str, Samples]:
        noise = torch.randn(3, self.count, 4, generator=torch.Generator().manual_seed(0))
        parts = {name: (item, (item[:, 0] > 0).long()) for name, item in zip(("train", "val", "test"), noise)}
        return {name: Samples({"left": item, "right": item}, label) for name, (item, label) in parts.items()}

    def classes(self, folder: Path) -> int:
        return 2
'''
CONTENT = {
    "title": "Drawn numbers",
    "data": {"reader": "made-up", "count": 30},
    "teachers": {"left": {"left": "mlp"}},
    "student": {"right": "mlp"},
    "share": 0.5,
    "seeds": [0, 1],
    "training": {"epochs": 2, "batch_size": 10, "learning_rate": 0.1},
    "distillation": {"task_weight": 1, "kd_weight": 1, "temperature": 2},
    "known": [],
    "not_known": ["all"],
    "differs": [],
    "licence": "none",
    "citation": "none",
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a project in which a module and a YAML file were added."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "made_up.py").write_text(MODULE)
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(package)])
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    (FILES / "drawn.yaml").write_text(yaml.safe_dump(CONTENT))
    return FILES / "drawn.yaml"


def test_one_module_and_one_file_add_a_data_set(config: Path, tmp_path: Path) -> None:
    study = open_study("config/mfh.yaml", {"crossmodal": {"drawn": str(tmp_path)}})
    params = study.crossmodal_params("drawn")
    assert params.metric == "accuracy"
    assert study.crossmodal_configs["drawn"].modules == ["msd.mfh.crossmodal.readers.made_up"]
    files = {"runs": "runs.parquet", "data": "data.json", "findings": "findings.json"}
    outputs = run_stage("crossmodal", params, {}, "results/mfh/crossmodal/drawn", **files)
    assert json.loads(Path(outputs["findings"]).read_text()) == {"counts": {}, "records": []}
    assert len(pd.read_parquet(outputs["runs"])) == 2 * 9, "two seeds of no KD and four teachers with their students"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"reader": "made-upp"}, r"data.reader: there is no reader 'made-upp' .*; did you mean 'made-up'\?"),
        ({"reader": "made-up", "counts": 3}, r"drawn.yaml:\d+: unknown key 'data.counts'; did you mean 'count'\?"),
        ({"reader": "made-up", "count": 0}, r"drawn.yaml:\d+: data.count: .*greater than or equal to 1"),
        ({"count": 3}, r"data.reader: there is no reader 'None' .*; known are .*made-up"),
    ],
)
def test_a_fault_of_the_options_is_one_sentence(config: Path, data: dict, sentence: str) -> None:
    config.write_text(yaml.safe_dump(CONTENT | {"data": data}))
    with one_sentence(sentence):
        read_config(config)


@pytest.mark.parametrize("name", reader_names())
def test_every_reader_is_called_as_its_module_and_declares_what_it_reads(name: str) -> None:
    reader = reader_class(name)()
    assert isinstance(reader, DataReader)
    assert reader.reader == name
    assert len(reader.modalities) > 1
