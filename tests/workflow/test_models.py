"""Studies whose teachers and students start from published weights: Snakemake's own jobs, really run.

Snakemake says what its jobs are, and this process runs them one after the other: each of its own would spend seconds on
imports. Files are tiny and of random weights, in the formats that real ones have.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
import transformers
import yaml
from calls import success
from model_files import (
    BERT,
    PIECES,
    manual,
    model_config,
    write_clip,
    write_mmf,
    write_tinybert,
    write_vilt,
    write_visualbert,
)
from PIL import Image

from msd.data.pictures import png
from msd.doctor import doctor
from msd.features.efficientnet_lite import EfficientNetLite
from msd.job import read_job
from msd.models.views import VIEWS
from msd.planning.plan import plan
from msd.report.plots import curves_figure
from msd.report.style import looks
from msd.running.run_job import run
from msd.tables.results import mean_by_epoch

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COLOURS = ["red", "blue", "green"]
LICENCE = {"name": "CC0", "url": "https://example.org"}
ROWS = 40
TITLES = {"dataset": {"toy": "Toy"}, "metric": {"toy": "accuracy"}, "method": {"teacher": "Teacher"}}
SCHEDULE = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
STUDY: dict[str, Any] = {
    "title": "Pretrained models",
    "seeds": 1,
    "seeds_per_job": 1,
    "datasets": {"toy": {}},
    "methods": {"finetune": {}, "kd": {"lambda": 0.5, "temperature": 1}},
    "data": {"extractor": "tiny-eyes", "text_encoder": "tiny-text", "regions": 2, "max_tokens": 12, "removal": "mask"},
    "saliency": {"measure": "kl"},
    "teacher": {"seeds": 1, "pretrained_learning_rate": 1e-4, **SCHEDULE},
    "student": {"model": "tiny-tinybert", **SCHEDULE},
    "report": {"baseline": "kd", "from_scratch": "finetune", "best_of": ["kd"], "draws": 100},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with a dataset, encoders and models of its own, whose files lie in a folder or in the hub's cache."""
    from calls import PROJECT

    folder = tmp_path_factory.mktemp("models")
    for name in ("msd", "Snakefile", "CITATION.cff", "pyproject.toml", "requirements.lock"):
        (folder / name).symlink_to(PROJECT / name)
    subprocess.run(["cp", "-r", PROJECT / "config", PROJECT / "workflow", folder], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MSD_DATA_ROOT", str(folder / "data"))
        stage = Path("workflow/rules/stage.smk")
        stage.write_text(
            stage.read_text().replace("if not (workflow.dryrun or workflow.touch or is_planned):", "if True:")
        )
        _dataset(), _encoders(), _models()
        yield folder


def _config(kind: str, content: dict[str, Any]) -> None:
    path = Path(f"config/{kind}/{content['name']}.yaml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _dataset() -> None:
    """Pictures of a colour, and texts that name another one half of the time; the label is the picture's."""
    generator, folder = np.random.default_rng(0), Path("data/toy")
    folder.mkdir(parents=True)
    rows, text = [], io.StringIO()
    with zipfile.ZipFile(folder / "toy.zip", "w") as archive:
        for number in range(ROWS):
            label = int(generator.integers(3))
            pixels = generator.integers(0, 90, (40, 60, 3)).astype(np.uint8)
            pixels[:, :, label] += 150
            archive.writestr(f"pictures/{number}.png", png(Image.fromarray(pixels)))
            split = ("train", "train", "train", "val", "test")[number % 5]
            said = COLOURS[label if number % 2 else (label + 1) % 3]
            rows.append({"image": f"{number}.png", "text": f"the {said} cat {number}", "label": label, "split": split})
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        archive.writestr("toy.csv", text.getvalue())
    about = {"name": "toy", "title": "Toy", "task": "multiclass", "metric": "accuracy", "labels": "colours"}
    read = {"tables": {"all": ["toy.csv"]}, "image": "image", "text": "text", "labels": ["label"], "split": "split"}
    read |= {"side": 48, "seed": 0, "shares": {"train": 0.6, "val": 0.2, "test": 0.2}}
    source = {"sources": [{"kind": "manual", "file": "toy.zip"}], "licence": LICENCE, "citation": "Nobody"}
    _config("datasets", {**about, "module": "table", **source, "prepare": read})


def _encoders() -> None:
    """A BERT that nobody starts from but the probe, and a network of pictures; their weights are random."""
    from tokenizers.implementations import BertWordPieceTokenizer

    for name in ("tiny-text", "tiny-eyes"):
        Path(f"data/{name}").mkdir()
    Path("vocab.txt").write_text("\n".join(PIECES) + "\n")
    config = transformers.BertConfig(**BERT)
    with zipfile.ZipFile("data/tiny-text/text.zip", "w") as archive:
        archive.writestr("tokenizer.json", BertWordPieceTokenizer("vocab.txt", lowercase=True).to_str())
        archive.writestr("config.json", json.dumps(config.to_dict()))
        torch.manual_seed(0)
        archive.writestr("model.safetensors", safetensors.torch.save(transformers.BertModel(config).state_dict()))
    torch.save(EfficientNetLite().state_dict(), "data/tiny-eyes/eyes.pth")
    about = {"title": "Tiny", "role": "encoder", "licence": LICENCE, "citation": "Nobody", "parameters": 1}
    words = {"dims": 16, "layers": 2, "heads": 2, "feed_forward": 32}
    eyes = {"dims": 1280, "module": "efficientnet_lite", "size": 64, "patch": 32}
    for name, file, more in (("tiny-text", "text.zip", words), ("tiny-eyes", "eyes.pth", eyes)):
        _config("encoders", {"name": name, **about, "sources": [{"kind": "manual", "file": file}], **more})


def _models() -> None:
    """TinyBERT's files are in the hub's cache alone, the others' in the folder of files that people bring."""
    write_visualbert(Path("data/tiny-visualbert"), region_width=1280)
    write_vilt(Path("data/tiny-vilt"))
    write_clip(Path("data/tiny-clip"))
    write_tinybert(Path(f"hub/hub/models--somebody--TinyBERT/snapshots/{COMMIT}"))
    place = {"kind": "hub", "repo": "somebody/TinyBERT", "revision": COMMIT}
    hub = [{**place, "file": file} for file in ("pytorch_model.bin", "vocab.txt")]
    _config("models", model_config("visualbert", region_width=1280))
    _config("models", model_config("tinybert", sources=hub))
    for kind in ("vilt", "clip"):
        _config("models", model_config(kind))


def written(name: str, **changes: Any) -> str:
    """The file of a study with a teacher of that name."""
    teacher = {"model": f"tiny-{name}", **STUDY["teacher"]}
    content = {"study": f"of-{name}", **STUDY, "teacher": teacher, **changes}
    path = Path(f"config/of-{name}.yaml")
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return str(path)


def made(study: str, *targets: str) -> list[str]:
    """Run the jobs that Snakemake has for some targets of a study; their rules, in the order in which they ran."""
    told = success(
        "--configfile", study, "--dry-run", "--nolock", "--printshellcmds", "--", *targets, folder=Path.cwd()
    )
    left = dict.fromkeys(re.findall(r"python -m msd stage (\w+) (\S+)", told))
    done = []
    while left:
        ready = [(rule, file) for rule, file in left if all(map(os.path.isfile, _inputs(rule, file)))]
        assert ready, f"jobs without their inputs: {list(left)}"
        for rule, file in ready:
            if rule == "fetch" and "tinybert" in file:  # the hub's client reads its variables once
                given = {"HF_HOME": "hub", "HF_HUB_OFFLINE": "1"}
                command = [sys.executable, "-m", "msd", "stage", rule, file]
                subprocess.run(command, env=os.environ | given, check=True)
            else:
                run(read_job(rule, file))
            del left[rule, file]
            done.append(rule)
    return done


def _inputs(rule: str, file: str) -> list[str]:
    inputs = read_job(rule, file).inputs.values()
    return [path for each in inputs for path in ([each] if isinstance(each, str) else each)]


def outputs(study: str) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(f"results/{study}/teachers/toy/seed-0/outputs/test.safetensors")


def check_study(study: str, *, features: int) -> None:
    """Teacher's outputs, and students that learn from them: finite, of the right sizes, in all views."""
    answers = outputs(study)
    assert {f"{view}/logits" for view in VIEWS} <= set(answers)
    assert answers["both/features"].shape[1] == answers["head/weight"].shape[1] == features
    logits = answers["both/features"] @ answers["head/weight"].T + answers["head/bias"]
    torch.testing.assert_close(logits, answers["both/logits"], atol=1e-5, rtol=1e-5)
    assert not torch.equal(answers["both/logits"], answers["text/logits"])
    saliency = pd.read_parquet(f"results/{study}/teachers/toy/seed-0/saliency/train.parquet")
    assert (saliency[["image", "text"]] >= 0).all(axis=None)
    assert (saliency[["image", "text"]].max() > 0).all()
    for method in ("finetune", "kd"):
        folder = Path(f"results/{study}/students/toy/{method}/default/seeds-0-0")
        table = pd.read_parquet(folder / "metrics.parquet")
        assert np.isfinite(table["value"]).all()
        state = safetensors.torch.load_file(folder / "models.safetensors")
        assert state["seed-0/encoder.encoder.layer.1.attention.self.query.weight"].shape == (16, 16)
    costs = json.loads(Path(f"results/{study}/costs/toy/cost.json").read_text())["models"]
    assert costs["teacher"]["flops"] > 0 < costs["student"]["flops"]


def test_visualbert_teaches_tinybert(project: Path) -> None:
    methods = {**STUDY["methods"], "tinybert": {"lambda": 0.5, "temperature": 1}}
    study = written("visualbert", methods=methods)
    rules = made(study, "grid", "costs")
    assert rules.count("convert") == 2
    assert rules.count("tokenizer") == 2  # no job of them reads the text encoder
    assert rules.count("features") == 1
    check_study("of-visualbert", features=16)
    started = safetensors.torch.load_file("results/of-visualbert/teachers/toy/seed-0/model.safetensors")
    name = "encoder.encoder.layer.0.attention.self.query.weight"
    given = torch.load("data/tiny-visualbert/pytorch_model.bin")[name.replace("encoder.", "visual_bert.", 1)]
    moved = (started[name] - given).abs().max()
    assert 0 < moved < 1e-3  # trained a little from where it started
    assert float(started["region_mean"].abs().sum()) == 0  # its weights read regions as they are
    again = safetensors.torch.load_file("results/of-visualbert/students/toy/kd/default/seeds-0-0/models.safetensors")
    hub = torch.load(f"hub/hub/models--somebody--TinyBERT/snapshots/{COMMIT}/pytorch_model.bin")
    moved = again[f"seed-0/{name}"] - hub[name.replace("encoder.", "bert.", 1)]
    assert 0 < moved.abs().max() < 0.05
    record = json.loads(Path("results/data/models/tiny-tinybert/source.json").read_text())
    assert record["files"][0]["origin"] == f"hub:model:somebody/TinyBERT@{COMMIT}/pytorch_model.bin"


def test_a_fine_tuned_checkpoint_of_mmf_teaches_as_it_is(project: Path) -> None:
    encoder, classifier = write_mmf(Path("data/tiny-mmf"), labels=3, region_width=1280)
    own = {"sources": manual("model.pth", "vocab.txt"), "visual_type": 0, "head": "transform", "region_width": 1280}
    _config("models", model_config("visualbert", name="tiny-mmf", labels=3, **own))
    study = written("mmf", teacher={"model": "tiny-mmf", **STUDY["teacher"], "epochs": 0})
    made(study, "grid")
    taught = safetensors.torch.load_file("results/of-mmf/teachers/toy/seed-0/model.safetensors")
    assert torch.equal(taught["head.weight"], classifier[1].weight)
    query = "encoder.layer.1.attention.self.query.weight"
    assert torch.equal(taught[f"encoder.{query}"], encoder.get_parameter(query))
    metrics = json.loads(Path("results/of-mmf/teachers/toy/seed-0/metrics.json").read_text())
    assert 0 <= metrics["val/accuracy"] <= 1
    curve = mean_by_epoch(["results/of-mmf/teachers/toy/seed-0/history.parquet"], "loss")
    figure = curves_figure({"toy": {"teacher": {"loss": curve, "score": curve}}}, titles=TITLES, styles=looks([]))
    assert [len(line.get_xdata()) for axes in figure.axes for line in axes.get_lines()] == [0, 0]


@pytest.mark.parametrize(("kind", "features"), [("vilt", 16), ("clip", 36)])
def test_a_model_that_reads_pixels_teaches_tinybert(project: Path, kind: str, features: int) -> None:
    rules = made(written(kind), "grid", "costs")
    assert "teacher" in rules
    check_study(f"of-{kind}", features=features)
    before = outputs(f"of-{kind}")
    for job in ("teacher", "teacher_outputs"):  # again, to the same bytes
        (file,) = Path(f"results/of-{kind}/jobs/{job}").glob("*.json")
        run(read_job(job, str(file)))
    after = outputs(f"of-{kind}")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_doctor_and_the_plan_know_what_a_model_needs(project: Path) -> None:
    study = written("visualbert")
    lines = [re.sub(" +", " ", line).strip() for line in plan(study).splitlines()]
    assert any(re.match(r"tiny-tinybert \? MB (present|to fetch) ?hub CC0", line) for line in lines), "\n".join(lines)
    assert any(re.match(r"tiny-visualbert \? MB (present|to fetch) ?manual CC0", line) for line in lines), "\n".join(
        lines
    )
    path = Path("config/models/tiny-visualbert.yaml")
    kept, place = path.read_text(), Path("data/tiny-visualbert/pytorch_model.bin")
    path.write_text(kept.replace("name: CC0", "name: Their terms\n  url: https://example.org/terms\n  gate: manual"))
    found = str(doctor(study))
    assert "missing tiny-visualbert: its licence, Their terms, is not accepted: read https://example.org/terms" in found
    path.write_text(kept)
    place.rename("elsewhere")
    (raw := Path("results/data/models/tiny-visualbert/raw/pytorch_model.bin")).unlink(missing_ok=True)
    found = str(doctor(study))
    assert "missing tiny-visualbert: pytorch_model.bin is brought by hand: read its terms" in found
    assert f"put it at {place.absolute()}, where no such file is" in found
    Path("elsewhere").rename(place)
    found = str(doctor(study))
    assert f"tiny-visualbert: pytorch_model.bin was brought to {place.absolute()}" in found
    assert not raw.exists()
