"""VQA v2 in the published layout, prepared."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError
from vqa_v2_files import NUMBERS, Files, answers_of
from vqa_v2_files import published as published_part

from msd.config.contracts.data import PrepareParams
from msd.data.pictures import write_archive
from msd.data.prepare import prepare
from msd.errors import UserError
from msd.job import Job
from msd.measure.vqa import answer_scores
from msd.tables.answer_scores import answer_metrics, read_answer_scores

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/datasets/vqa-v2.yaml").read_text())
PICTURES = {"train2014": [9, 26, 30, 581857], "val2014": [42, 73, 74, 133]}
PREPARE = {"seed": 1, "least_questions": 4, "pictures": {"train": 4, "val": 2, "test": 2}, "side": 16}


@pytest.fixture
def published() -> Files:
    """All archives, for a test to change."""
    return {name: content for subset in PICTURES for name, content in published_part(subset, PICTURES[subset]).items()}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Job]:
    """A function that writes archives under the configured names, prepares them and returns that job."""

    def stage(files: Files, **changes: Any) -> Job:
        for name, members in files.items():
            write_archive(tmp_path / name, members)
        raw = [str(tmp_path / source["file"]) for source in CONFIG["sources"]]
        endings = {"labels": "json", "findings": "json", "pictures": "zip"}
        names = ["train", "val", "test", *endings]
        outputs = {name: str(tmp_path / f"prepared/{name}.{endings.get(name, 'parquet')}") for name in names}
        params = PrepareParams(name="vqa-v2", module="vqa_v2", task="vqa", prepare=PREPARE | changes)
        job = Job("prepare", params, {"files": raw}, outputs)
        prepare(job)
        return job

    return stage


def _changed(files: Files, kind: str, change: Callable[[list[Any]], object]) -> None:
    """The entries of train2014 of a kind, Questions or Annotations, after a change."""
    [(name, content)] = files[f"v2_{kind}_Train_mscoco.zip"].items()
    body = json.loads(content)
    change(body[kind.lower()])
    files[f"v2_{kind}_Train_mscoco.zip"][name] = json.dumps(body).encode()


def _logits(said: list[str], labels: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array([[float(label == answer) for label in labels] for answer in said], dtype=np.float32)


def test_rows_hold_questions_soft_targets_and_what_people_said(published: Files, run: Callable[..., Job]) -> None:
    job = run(published)
    labels = json.loads(Path(job.outputs["labels"]).read_text())
    assert labels == ["1", "blue", "no", "red", "yes"]  # 8 questions, then four of 4 by the alphabet
    train = pd.read_parquet(job.outputs["train"]).set_index("uid")
    assert len(train) == 12
    colour = train.loc["9000"]
    assert (colour["image"], colour["text"]) == ("COCO_train2014_000000000009.png", "What color is it?")
    assert [labels[index] for index in colour["target"]] == ["red"]
    assert list(colour["score"]) == [1.0]
    assert list(train.loc["9002", "answers"]) == NUMBERS
    images = {split: set(pd.read_parquet(job.outputs[split])["image"]) for split in ("train", "val", "test")}
    assert all(name.startswith("COCO_val2014_") for name in images["val"] | images["test"])
    assert (len(images["val"]), len(images["test"]), len(images["val"] & images["test"])) == (2, 2, 0)
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        grey = Image.open(io.BytesIO(archive.read("COCO_train2014_000000000026.png")))
    assert (grey.mode, grey.size) == ("RGB", (16, 12))


def test_a_target_scores_what_a_quarter_of_ten_people_scores(published: Files, run: Callable[..., Job]) -> None:
    given = [{"answer": one} for one in ["red"] * 2 + ["blue"] + ["yes"] * 3 + ["no"] * 4]
    _changed(published, "Annotations", lambda entries: entries[0].update(answers=given))
    job = run(published)
    row = pd.read_parquet(job.outputs["train"]).set_index("uid").loc["9000"]
    labels = json.loads(Path(job.outputs["labels"]).read_text())
    scores = {labels[index]: score for index, score in zip(row["target"], row["score"], strict=True)}
    assert scores == pytest.approx({"blue": 0.3, "red": 0.6, "yes": 0.9, "no": 1.0})


def test_official_accuracy_of_the_prepared_answers_is_the_golden_one(published: Files, run: Callable[..., Job]) -> None:
    job = run(published)
    labels = json.loads(Path(job.outputs["labels"]).read_text())
    test = pd.read_parquet(job.outputs["test"])
    main = [answers_of(int(uid) // 1000)[int(uid) % 1000][1] for uid in test["uid"]]
    scores = read_answer_scores(job.outputs["test"], labels=labels)
    assert answer_metrics(_logits(main, labels), scores) == {"vqa_accuracy": 1.0, "vqa_accuracy_normalised": 1.0}
    capitals = [label.upper() for label in labels]
    official, normalised = (answer_scores(test["answers"], capitals, always_normalise=one) for one in (False, True))
    said = _logits([answer.upper() for answer in main], capitals)
    assert answer_metrics(said, {"vqa_accuracy": official}) == pytest.approx({"vqa_accuracy": 2 / 3})
    assert official[(said.argmax(1) == capitals.index("YES")) | (said.argmax(1) == capitals.index("NO"))].max() == 0
    assert answer_metrics(said, {"vqa_accuracy_normalised": normalised}) == {"vqa_accuracy_normalised": 1.0}


@pytest.mark.parametrize("kept", [0, 300])
def test_a_broken_photograph_is_dropped_and_named_in_the_same_words(
    published: Files, run: Callable[..., Job], kept: int
) -> None:
    archive = published["train2014.zip"]
    name = "train2014/COCO_train2014_000000000030.jpg"
    archive[name] = archive[name][:kept] or b"no picture"
    findings = {Path(run(published).outputs["findings"]).read_bytes() for _ in range(2)}
    assert len(findings) == 1
    assert b"0x" not in findings.pop()
    job = run(published)
    assert len(pd.read_parquet(job.outputs["train"])) == 9
    records = json.loads(Path(job.outputs["findings"]).read_text())["records"]
    broken = [entry for entry in records if entry["reason"].startswith("broken picture")]
    assert [(entry["record"], entry["action"]) for entry in broken] == [("COCO_train2014_000000000030.png", "dropped")]


def test_a_question_whose_answers_are_no_labels_stays_and_is_named(published: Files, run: Callable[..., Job]) -> None:
    job = run(published, least_questions=8)
    assert json.loads(Path(job.outputs["labels"]).read_text()) == ["1"]
    train = pd.read_parquet(job.outputs["train"]).set_index("uid")
    assert len(train.loc["9001", "target"]) == 0
    records = json.loads(Path(job.outputs["findings"]).read_text())["records"]
    assert {entry["record"] for entry in records if entry["action"] == "kept"} >= {"9000", "9001"}


@pytest.mark.parametrize(
    ("kind", "change", "reason", "gone"),
    [
        ("Annotations", lambda entries: entries.pop(3), "no answers to it on its picture", {"26000"}),
        ("Annotations", lambda entries: entries[3].update(image_id=9), "no answers to it on its picture", {"26000"}),
        ("Annotations", lambda entries: entries[3].update(answers=[]), "does not fit", {"26000"}),
        ("Annotations", lambda entries: entries.append(entries[3]), "id given twice", {"26000"}),
        ("Questions", lambda entries: entries.append(entries[3]), "id given twice", {"26000"}),
        ("Questions", lambda entries: entries[2].pop("question"), "does not fit", {"9002"}),
        ("Questions", lambda entries: entries[2].update(question=None), "does not fit", {"9002"}),
        ("Questions", lambda entries: entries.__setitem__(2, "text"), "does not fit", {"9002"}),
        ("Questions", lambda entries: entries[2].update(image_id=-9), "does not fit", {"9002"}),
        ("Questions", lambda entries: entries[2].update(question=" \n"), "empty question", {"9002"}),
    ],
)
def test_a_bad_entry_is_dropped_or_told(
    published: Files, run: Callable[..., Job], kind: str, change: Callable, reason: str, gone: set[str]
) -> None:
    _changed(published, kind, change)
    job = run(published)
    whole = {str(picture * 1000 + index) for picture in PICTURES["train2014"] for index in range(3)}
    assert set(pd.read_parquet(job.outputs["train"])["uid"]) == whole - gone
    assert json.loads(Path(job.outputs["findings"]).read_text())["counts"][f"dropped: {reason}"] in (1, 2)
    with pytest.raises(UserError, match=rf"{kind.lower()}(\[\d+\]|.json).*: {reason}|questions\[3\]: 26000: {reason}"):
        run(published, records="strict")


def test_an_answer_of_which_nothing_is_left_is_no_label(published: Files, run: Callable[..., Job]) -> None:
    def to_articles(entries: list[Any]) -> None:
        for entry in entries:
            if entry["multiple_choice_answer"] == "1":
                entry["multiple_choice_answer"] = "a" if entry["image_id"] % 2 else "?"

    _changed(published, "Annotations", to_articles)
    job = run(published, least_questions=1)
    assert "" not in json.loads(Path(job.outputs["labels"]).read_text())


def _other_subset(files: Files) -> None:
    [content] = files["v2_Annotations_Train_mscoco.zip"].values()
    files["v2_Annotations_Val_mscoco.zip"] = {"v2_mscoco_val2014_annotations.json": content}


def _cut(files: Files) -> None:
    [(name, content)] = files["v2_Questions_Train_mscoco.zip"].items()
    files["v2_Questions_Train_mscoco.zip"][name] = content[:200]


def test_all_pictures_and_questions_are_taken_where_no_number_is_given(
    published: Files, run: Callable[..., Job]
) -> None:
    job = run(published, pictures={"train": None, "val": 1, "test": None})
    sizes = {split: len(pd.read_parquet(job.outputs[split])) for split in ("train", "val", "test")}
    assert sizes == {"train": 12, "val": 3, "test": 9}
    with pytest.raises(ValidationError, match="val and test share the pictures of val2014"):
        run(published, pictures={"train": None, "val": None, "test": None})
    with pytest.raises(UserError, match="asks for 5 of val2014, which has 4"):
        run(published, pictures={"train": 1, "val": 4, "test": None})


@pytest.mark.parametrize(
    ("damage", "changes", "sentence"),
    [
        (
            _other_subset,
            {},
            r"12 of 12 records of val2014 are bad, too many; the first: .*questions\[0\]: 42000: no ans",
        ),
        (_cut, {}, "questions.json of .*: the file: Invalid JSON"),
        (lambda _: None, {"least_questions": 9}, "no answer is the main one of 9 questions; lower `least_questions`"),
        (
            lambda _: None,
            {"pictures": {"train": 4, "val": 3, "test": 2}},
            "asks for 5 of val2014, which has 4 with questions",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    published: Files, run: Callable[..., Job], tmp_path: Path, damage: Callable[[Files], None], changes, sentence: str
) -> None:
    damage(published)
    with pytest.raises(UserError, match=sentence):
        run(published, **changes)
    assert not (tmp_path / "prepared").exists()
