"""Zips of Hateful Memes in the published layouts, with memes of no one, and what is prepared of them."""

import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data.pictures import write_archive
from msd.data.prepare import prepare
from msd.job import Job

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/datasets/hateful-memes.yaml").read_text())
PREPARE = {"files": "seen", "side": 16}
SECRET = "a Secret, é"
SECOND_PHASE = {
    "train": (1235, 5349, 8176, 10253, 12379, 13402, 14520, 15634, 16748, 17853, 18962, 19073),
    "dev_seen": (20145, 21356, 23478, 24589),
    "dev_unseen": (20145, 21356, 25690, 26701),
    "test_seen": (30125, 31246, 32457),
    "test_unseen": (40123, 41235, 42356),
}
FIRST_PHASE = {"train": SECOND_PHASE["train"], "dev": SECOND_PHASE["dev_seen"], "test": SECOND_PHASE["test_seen"]}
MODES = ("RGB", "RGBA", "P", "L", "LA")
Files = dict[str, bytes]


def meme(number: int, **changes: Any) -> dict[str, Any]:
    """A line of a file, as an object."""
    colour = ("red", "blue")[number % 2]
    text = f"a square, not a {colour} one" if number % 3 else "what a square"
    return {"id": number, "img": f"img/{number:05d}.png", "label": number % 2, "text": text} | changes


def png(number: int) -> bytes:
    """A blue square on red; the colours of palettes and grey are lost where their indices are taken for grey."""
    picture = Image.new("RGB", (64, 48), (250, 10, 10))
    picture.paste((10, 10, 240), (number % 40, 10, number % 40 + 20, 30))
    buffer = io.BytesIO()
    picture.convert(MODES[number % len(MODES)]).save(buffer, "PNG")
    return buffer.getvalue()


def published(ids: dict[str, tuple[int, ...]], unlabelled: tuple[str, ...] = ()) -> Files:
    """The members of the zip: one object a line, no line feed at the end of test files, their slashes escaped."""
    files = {}
    for stem, numbers in ids.items():
        memes = [meme(number) for number in numbers]
        keys = ("id", "img", "text") if stem in unlabelled else ("id", "img", "label", "text")
        lines = "\n".join(json.dumps({key: each[key] for key in keys}) for each in memes)
        lines = lines.replace("img/", r"img\/") if stem.startswith("test") else f"{lines}\n"
        files[f"data/{stem}.jsonl"] = lines.encode()
        files |= {f"data/{each['img']}": png(each["id"]) for each in memes}
    return files | {"data/LICENSE.txt": b"for research"}


def packed(files: Files, prefix: str = "") -> Files:
    """The same with the pictures in img.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in sorted(files, reverse=True):
            if name.endswith(".png"):
                entry = tarfile.TarInfo(prefix + name.removeprefix("data/"))
                entry.size = len(files[name])
                tar.addfile(entry, io.BytesIO(files[name]))
    return {name: content for name, content in files.items() if not name.endswith(".png")} | {
        "data/img.tar.gz": buffer.getvalue()
    }


def _enciphered(content: bytes, password: bytes) -> bytes:
    """ZipCrypto: PKWARE's APPNOTE.TXT, section 6.1."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def shifted(key: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), key ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        keys[0] = shifted(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = shifted(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    sealed = bytearray()
    for byte in content:
        key = keys[2] | 2
        sealed.append(byte ^ (key * (key ^ 1) >> 8 & 255))
        update(byte)
    return bytes(sealed)


def encrypted(files: Files, password: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An encrypted zip, which Python's zipfile reads but cannot write; files without content are stored."""
    body = directory = b""
    for name, content in files.items():
        packer, crc = zlib.compressobj(wbits=-15), zlib.crc32(content)
        small = packer.compress(content) + packer.flush() if content else b""
        sealed = _enciphered(bytes([*range(11), crc >> 24]) + small, password)
        sizes = (crc, len(sealed), len(content), len(name), 0)
        head = struct.pack("<HHHHHIIIHH", 20, 1, method if content else zipfile.ZIP_STORED, 0, 33, *sizes)
        directory += b"PK\1\2\x14\0" + head + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\3\4" + head + name.encode() + sealed
    return body + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *[len(files)] * 2, len(directory), len(body), 0)


def prepared(folder: Path, files: Files | bytes, /, **changes: Any) -> Job:
    """Write the zip of files, or its bytes, under the configured name and prepare it."""
    [source] = CONFIG["sources"]
    path = folder / source["file"]
    if isinstance(files, bytes):
        path.write_bytes(files)
    else:
        write_archive(path, files)
    endings = {"labels": "json", "findings": "json", "pictures": "zip"}
    names = ["train", "val", "test", *endings]
    outputs = {name: str(folder / f"prepared/{name}.{endings.get(name, 'parquet')}") for name in names}
    params = PrepareParams(name="hateful-memes", module="hateful_memes", task="binary", prepare=PREPARE | changes)
    job = Job("prepare", params, {"files": [str(path)]}, outputs)
    prepare(job)
    return job


def ids_of(job: Job, split: str) -> list[int]:
    """The ids of the memes of a prepared split."""
    return [int(uid) for uid in pd.read_parquet(job.outputs[split])["uid"]]


def findings_of(job: Job) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Counts and records, less those that every zip of a test has."""
    content = json.loads(Path(job.outputs["findings"]).read_text())
    usual = ("noted: sha256", "noted: train.jsonl", "noted: dev", "noted: test")
    counts = {what: count for what, count in content["counts"].items() if not what.startswith(usual)}
    records = [one for one in content["records"] if not f"{one['action']}: {one['reason']}".startswith(usual)]
    return counts, records
