"""SNLI, the lists and the photographs of SNLI-VE in the published layout, synthetic, and their preparation."""

import gzip
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data.prepare import prepare
from msd.job import Job

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/datasets/snli-ve.yaml").read_text())
PREPARE = CONFIG["prepare"] | {"side": 16}
LABELS = {"e": "entailment", "n": "neutral", "c": "contradiction"}
TRAIN, VAL, TEST = ("3416050480", "1007129816", "36979"), "4705552913", "2248275918"
FILLERS = [str(number) for number in range(900_000, 900_999)]
ROWS = {
    "train": ["36979 n", "2248275918 e", "3416050480 c", "-", "4705552913 e", "4705552913 c", "vg_1 n", "3416050480 e"],
    "dev": ["1007129816 e", "vg_2 n", "1007129816 n", "2248275918 c", "36979 c", "1007129816 c", "vg_3 e"],
    "test": ["3416050480 n", "36979 e", "4705552913 n", "2248275918 n"],
}
"""The part of SNLI, which is not that of SNLI-VE -> its rows: picture and label."""
ORDER = {
    "train": "3416050480 c, 3416050480 e, 3416050480 n, 1007129816 e, 1007129816 n, 1007129816 c, "
    "36979 n, 36979 c, 36979 e",
    "dev": "4705552913 e, 4705552913 c, 4705552913 n",
    "test": "2248275918 e, 2248275918 c, 2248275918 n",
}
LINE = (
    '{{"Flickr30K_ID": "{0}", "annotator_labels": ["{2}"], "captionID": "{0}.jpg#4", "gold_label": "{2}", '
    '"pairID": "{0}.jpg#4r1{1}", "sentence1": "A thing – of {0}.", "sentence1_binary_parse": "( A thing )", '
    '"sentence1_parse": "(ROOT (NP (DT A)))", "sentence2": "It \\"is\\"  {1}.", '
    '"sentence2_binary_parse": "( It is )", "sentence2_parse": "(ROOT (S (NP It)))"}}\n'
)
Files = dict[str, bytes]


def row(name: str) -> dict[str, Any]:
    """A row of SNLI, its keys in no order; "-" is one without a gold label."""
    picture, letter = ("36979", "e") if name == "-" else name.split()
    pair = f"{picture}r1{letter}" if picture.startswith("vg_") else f"{picture}.jpg#4r1{letter}"
    return {
        "pairID": f"{pair}x" if name == "-" else pair,
        "sentence2": f'It "is"  {letter}.',
        "sentence1": f"A thing – of {picture}.",
        "sentence2_parse": "(ROOT (S (NP It)))",
        "sentence1_parse": "(ROOT (NP (DT A)))",
        "sentence2_binary_parse": "( It is )",
        "sentence1_binary_parse": "( A thing )",
        "annotator_labels": [LABELS[letter]],
        "captionID": f"{picture}.jpg#4",
        "gold_label": "-" if name == "-" else LABELS[letter],
    }


def jpeg(picture: str, mode: str = "RGB") -> bytes:
    """A photograph of noise, another one for each picture."""
    buffer = io.BytesIO()
    noise = random.Random(picture).randbytes(64 * 48 * len(mode))
    Image.frombytes(mode, (64, 48), noise).save(buffer, "JPEG")
    return buffer.getvalue()


PICTURES = {picture: jpeg(picture, "L" if picture == VAL else "RGB") for picture in (*TRAIN, VAL, TEST)}


def packed_zip(members: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def packed_tar(members: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def packed_snli(rows: dict[str, list[bytes]]) -> bytes:
    """snli_1.0.zip with those lines of each part."""
    members = {f"snli_1.0/snli_1.0_{part}.jsonl": b"\n".join(lines) + b"\n" for part, lines in rows.items()}
    mac = {f"__MACOSX/snli_1.0/._snli_1.0_{part}.jsonl": b"\0\5\26\7" for part in rows}
    return packed_zip(mac | members | {"snli_1.0/README.txt": b"SNLI"})


def snli_rows() -> dict[str, list[bytes]]:
    """The lines of each part of SNLI."""
    return {part: [json.dumps(row(name)).encode() for name in names] for part, names in ROWS.items()}


def in_folder(folder: str) -> Files:
    """The members of an archive of pictures."""
    return {f"{folder}/{picture}.jpg": content for picture, content in PICTURES.items()}


def published_files() -> Files:
    """All raw files; the lists end without a newline."""
    return {
        "snli_1.0.zip": packed_snli(snli_rows()),
        "flickr30k_train_val.lst": "\n".join([*TRAIN, *FILLERS, VAL]).encode(),
        "flickr30k_test.lst": TEST.encode(),
        "flickr30k-images.tar.gz": packed_tar({"flickr30k-images/readme.txt": b"-", **in_folder("flickr30k-images")}),
    }


def ready_made_files() -> Files:
    """The three official files in the place of SNLI and the lists; val and test name pictures as before 2020."""
    made = {f"snli_ve_{part}.jsonl": official(part) for part in ORDER}
    for part in ("dev", "test"):
        rows = [json.loads(line) for line in made[f"snli_ve_{part}.jsonl"].splitlines()]
        old = [row | {"Flikr30kID": f"{row['Flickr30K_ID']}.jpg"} for row in rows]
        lines = [json.dumps({key: one for key, one in row.items() if key != "Flickr30K_ID"}) for row in old]
        made[f"snli_ve_{part}.jsonl"] = "\n".join(lines).encode()
    return made | {"flickr30k-images.tar.gz": published_files()["flickr30k-images.tar.gz"]}


def prepared(place: Path, files: Files, **changes: Any) -> Job:
    """The job that prepares raw files, which are written to `place`."""
    for name, content in files.items():
        (place / name).write_bytes(content)
    endings = {"labels": "json", "findings": "json", "pictures": "zip"}
    names = ["train", "val", "test", *endings]
    outputs = {name: str(place / f"prepared/{name}.{endings.get(name, 'parquet')}") for name in names}
    params = PrepareParams(name="snli-ve", module="snli_ve", task="multiclass", prepare=PREPARE | changes)
    job = Job("prepare", params, {"files": [str(place / name) for name in files]}, outputs)
    prepare(job)
    return job


def official(part: str) -> bytes:
    """The official file of a part, written down anew from `ORDER` and `LINE`."""
    names = [name.split() for name in ORDER[part].split(", ")]
    return "".join(LINE.format(picture, letter, LABELS[letter]) for picture, letter in names).encode()


def pairs(job: Job, split: str) -> list[str]:
    """The pairs of a split in its order, as `ORDER` writes them."""
    uids = pd.read_parquet(job.outputs[split])["uid"]
    return [uid.replace(".jpg#4r1", " ") for uid in uids]


def findings(job: Job) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(job.outputs["findings"]).read_text())
    return content
