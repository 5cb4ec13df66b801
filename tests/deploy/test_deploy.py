"""A student outside of its study answers as in it: of a run and exported, for pictures and texts of a user."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from faults import one_sentence
from shades import RUN, Made

from msd.cli import main
from msd.deploy.bundle import TOLERANCE, export
from msd.deploy.predict import predict
from msd.deploy.student import open_student
from msd.distill.saliency import modality_saliency
from msd.errors import UserError
from msd.lineage.digest import file_sha256
from msd.lineage.record import seal
from msd.models.onnx_model import onnx_student
from msd.models.views import VIEWS, Inputs
from msd.system.text_file import read_json


def stored(made: Made) -> dict[str, torch.Tensor]:
    """The logits of the exported seed on test, as the stage wrote them."""
    seed = made.exported.folder.name.rsplit("-", 1)[1]
    predictions = safetensors.torch.load_file(RUN / "predictions.safetensors")
    return {view: predictions[f"seed-{seed}/test/{view}"] for view in VIEWS}


@pytest.mark.parametrize("of_export", [True, False])
def test_the_answers_to_test_pictures_are_those_of_the_study(made: Made, of_export: bool) -> None:
    """From the pictures' own bytes: the same preprocessing, features, word pieces and model."""
    student, logits = open_student(made.exported.folder if of_export else RUN), stored(made)
    answers = student.answers([*made.pictures.values()], made.texts)
    saliency = modality_saliency(logits, task="multiclass")
    for row, answer in enumerate(answers):
        for view in VIEWS:
            expected = dict(zip(student.labels, logits[view][row].softmax(0).tolist(), strict=True))
            assert dict(answer.views[view]) == pytest.approx(expected, abs=TOLERANCE)
        assert answer.labels == sorted(answer.labels, key=lambda pair: -pair[1])
        assert answer.saliency == pytest.approx({name: float(saliency[name][row]) for name in saliency}, abs=1e-4)


def test_onnx_takes_batches_and_texts_of_any_size(made: Made) -> None:
    run, exported = open_student(RUN), onnx_student(made.exported.folder / "model.onnx")
    for batch, longest in ((1, 2), (2, 8), (33, 5)):
        generator = torch.Generator().manual_seed(batch)
        lengths = torch.randint(2, longest + 1, (batch,), generator=generator)
        mask = (torch.arange(longest)[None] < lengths[:, None]).float()
        tokens = torch.randint(2, 8, (batch, longest), generator=generator)
        inputs = Inputs(tokens, mask, torch.randn(batch, 4, 1280, generator=generator))
        for view, logits in exported(inputs).items():
            assert torch.allclose(logits, run.logits(inputs)[view], atol=TOLERANCE), (batch, view)


def test_an_export_says_what_it_is_and_what_8_bits_cost(made: Made) -> None:
    folder = made.exported.folder
    names = ["README.md", "config.json", "extractor.onnx", "labels.json", "model.int8.onnx", "model.onnx"]
    names += ["model.safetensors", "preprocessor_config.json", "scores.json", "tokenizer.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    accuracy = float((stored(made)["both"].argmax(1) == torch.tensor(gold(made))).double().mean())
    assert made.exported.scores["torch"] == pytest.approx(accuracy)
    int8 = onnx_student(folder / "model.int8.onnx")(open_student(RUN).inputs([*made.pictures.values()], made.texts))
    accuracy = float((int8["both"].argmax(1) == torch.tensor(gold(made))).double().mean())
    assert read_json(folder / "scores.json")["scores"]["int8"] == pytest.approx(accuracy)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "onnxruntime"
    assert f"| int8 | {(folder / 'model.int8.onnx').stat().st_size:,} | {accuracy:.4f} |" in card
    assert str(read_json(RUN / "record.json")["seal"]) in card
    assert (folder / "model.int8.onnx").stat().st_size < (folder / "model.onnx").stat().st_size


def gold(made: Made) -> list[int]:
    return [["red", "blue", "green"].index(text.split()[1]) for text in made.texts]


def test_the_seed_of_the_best_validation_score_is_taken(made: Made) -> None:
    import pandas as pd

    table = pd.read_parquet(RUN / "metrics.parquet").query("split == 'val' and metric == 'accuracy'")
    best = int(table.sort_values("value", ascending=False, kind="stable")["seed"].iloc[0])
    assert made.exported.folder == Path(f"exports/toy-shades-finetune-seed-{best}")


def test_the_command_answers_files_folders_and_tables(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("mine")
    folder.mkdir()
    for name in ("test-0.png", "test-1.png"):
        made.pictures[name].save(folder / name)
    (folder / "asked.csv").write_text("text,image\nthe red,test-1.png\n", encoding="utf-8")
    assert main(["predict", str(made.exported.folder), "--image", str(folder), "--text", "the blue", "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == made.exported.folder.name
    assert lines[1] == "mine/test-0.png | 'the blue'"
    assert re.fullmatch(r"  +\d+\.\d%  (röt|blau|grün)", lines[2])
    assert re.fullmatch(
        r"  image alone: \S+; text alone: \S+; saliency in nats: image \d\.\d\d, text \d\.\d\d", lines[3]
    )
    assert lines[4] == "mine/test-1.png | 'the blue'"
    assert main(["predict", str(RUN), "--csv", str(folder / "asked.csv"), "--json"]) == 0
    [answer] = json.loads(capsys.readouterr().out)
    assert (answer["image"], answer["text"]) == ("mine/test-1.png", "the red")
    assert {*answer} == {"image", "text", "probabilities", "saliency"}
    assert sum(answer["probabilities"]["both"].values()) == pytest.approx(1)


def asked(made: Made, **changes: Any) -> None:
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("wrong.csv").write_text("picture,text\na.png,b\n")
    Path("short.csv").write_text("image,text\na.png\n")
    Path("empty.csv").write_text("image,text\n")
    Path("twice.csv").write_text("image,text,text\na.png,b,c\n")
    Path("nothing").mkdir(exist_ok=True)
    predict(
        **{"place": str(RUN), "images": ["a.png"], "texts": ["b"], "table": None, "seed": None, "top": 5, **changes}
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"place": "results"}, r"results holds no exported student .* name a folder like"),
        ({"place": "nowhere"}, r"nowhere holds no exported student"),
        ({"seed": 7}, r"has no seed 7; it has 0, 1"),
        ({"images": []}, r"give --image and --text, or --csv"),
        ({"texts": ["a", "b", "c"], "images": ["a.png", "b.png"]}, r"2 pictures and 3 texts"),
        ({"texts": ["caf\udce9"]}, r"--text: 'caf\\udce9' is not UTF-8; write it anew"),
        ({"images": ["a.png"]}, r"the picture a\.png cannot be read: No such file"),
        ({"images": ["broken.png"]}, r"the picture broken\.png is broken"),
        ({"images": ["nothing"]}, r"the folder nothing holds no pictures"),
        ({"table": "wrong.csv", "images": [], "texts": []}, r"wrong\.csv has no column 'image'"),
        ({"table": "short.csv", "images": [], "texts": []}, r"short\.csv:2 has 1 fields, its first line 2"),
        ({"table": "empty.csv", "images": [], "texts": []}, r"empty\.csv has no rows"),
        ({"table": "twice.csv", "images": [], "texts": []}, r"twice\.csv has two columns 'text'; rename one"),
        ({"table": "none.csv", "images": [], "texts": []}, r"there is no file none\.csv"),
        ({"table": "empty.csv"}, r"--csv names pictures and texts; leave out --image"),
        ({"top": 0}, r"--top: at least one label is shown; got 0"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(made: Made, changes: dict[str, Any], sentence: str) -> None:
    with one_sentence(sentence):
        asked(made, **changes)


def test_an_export_overwrites_nothing_and_leaves_nothing_half_written(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="exists already; name another folder with --out, or remove it"):
        export(str(RUN))
    monkeypatch.setattr("msd.deploy.bundle.TOLERANCE", -1.0)
    with pytest.raises(UserError, match="ONNX and PyTorch differ by"):
        export(str(RUN), out="other/place")
    assert not any(Path("other").iterdir())


def test_a_file_of_the_run_that_is_gone_is_named(made: Made) -> None:
    weights = Path("results/data/shades/weights.pth")
    content = weights.read_bytes()
    weights.unlink()
    try:
        with pytest.raises(UserError, match=r"weights\.pth, by which pictures become features, is not here"):
            open_student(RUN)
    finally:
        weights.write_bytes(content)
    exported = made.exported.folder
    file = exported / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    try:
        with one_sentence(r"model\.onnx is no ONNX model"):
            open_student(exported)
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("file", "damage", "sentence"),
    [
        ("run.yaml", lambda _: b"{", r"run\.yaml is not valid YAML: .*; remove it, and run the study again"),
        ("run.yaml", lambda _: b"[]", r"run\.yaml: expected a mapping of keys to values; remove it"),
        (
            "run.yaml",
            lambda whole: whole + b"\nnew: 1\n",
            r"run\.yaml:\d+: unknown key 'new'; .*version of msd that made",
        ),
        (
            "run.yaml",
            lambda whole: whole.replace(b"seeds:", b"seed:"),
            r"run\.yaml:\d+: unknown key 'seed'; did you mean",
        ),
        ("record.json", lambda _: b"{", r"record\.json is no readable record \(.*\); `msd audit` says more"),
        ("record.json", lambda _: b"[]", r"record\.json is no readable record"),
        ("record.json", lambda whole: whole.replace(b'"inputs"', b'"read"'), r"record\.json is no readable record"),
        (
            "record.json",
            lambda whole: whole.replace(b'"description"', b'"about"').replace(b"python -m", b"echo"),
            r"record\.json does not describe its job \(.*\); remove it, and run the study again",
        ),
        (
            "record.json",
            lambda whole: whole.replace(b'"regions": ', b'"region": '),
            r"record\.json is of no student and no teacher of this version",
        ),
    ],
)
def test_a_run_that_is_damaged_or_of_another_version_is_one_sentence(
    made: Made, capsys: pytest.CaptureFixture[str], file: str, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    place, record = RUN / file, RUN / "record.json"
    whole, recorded = place.read_bytes(), record.read_bytes()
    place.write_bytes(damage(whole))
    if place != record:
        reseal(record, place)
    try:
        assert main(["export", str(RUN), "--out", "another"]) == 1
    finally:
        record.write_bytes(recorded)
        place.write_bytes(whole)
    assert re.match(f"msd export: {RUN}/{sentence}", capsys.readouterr().err)


def reseal(record: Path, changed: Path) -> None:
    """As if the job had written the file as it is now."""
    content = read_json(record)
    [output] = [one for one in content["outputs"] if one["path"] == str(changed)]
    output["sha256"] = file_sha256(changed, trust=False)
    record.write_text(json.dumps(content | {"seal": seal(content)}), encoding="utf-8")


def test_pictures_are_stretched_as_in_the_stage(made: Made) -> None:
    picture = next(iter(made.pictures.values()))
    assert picture.size != (96, 96)
    regions = open_student(RUN).inputs([picture], ["the red"]).regions
    assert regions is not None
    grid = torch.from_numpy(np.load("results/data/shades/features/regions.npy")).float()
    names = read_json("results/data/shades/features/spec.json")["pictures"]
    of_picture = grid[names.index(next(iter(made.pictures)))].unflatten(0, (3, 3))
    windows = [of_picture[top : top + 2, left : left + 2].mean((0, 1)) for top in (0, 1) for left in (0, 1)]
    assert torch.allclose(regions[0], torch.stack(windows), atol=1e-3)
