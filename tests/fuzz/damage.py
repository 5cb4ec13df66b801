"""Damage to the files of a folder: of bytes, of values in a format that still holds, and of names."""

import contextlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

OUTSIDE = "outside"
"""A folder that no reader was given, beside the one that it was."""
ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        7,
        1e400,
        float("nan"),
        10**30,
        "",
        " ",
        "\ud800",
        "\0",
        "…",
        "a" * 300,
        [],
        {},
        [None],
        [[[]]],
    ),
    *(f"../{OUTSIDE}/a", f"../{OUTSIDE}/a.npy", f"../../{OUTSIDE}/a", "/etc/passwd", "C:\\x", "nan", "true", "0", "٣"),
]
LEFTOVERS = [
    b"",
    b"<html>gone</html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    b"\0" * 200,
]


def damaged(folder: Path, rng: np.random.Generator) -> str:
    """Damages one to three files of a folder; what was done."""
    done = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if not paths:
            break
        path = paths[rng.integers(len(paths))]
        kind = rng.choice(["bytes", "inside", "name"], p=[0.4, 0.5, 0.1])
        if kind == "name":
            done.append(_renamed(path, rng))
        elif kind == "inside" and is_whole_zip(path):
            done.append(_member(path, rng))
        elif kind == "inside":
            path.write_bytes(_content(path, path.read_bytes(), rng))
            done.append(f"values of {path.name}")
        else:
            path.write_bytes(_bytes(path.read_bytes(), rng))
            done.append(f"bytes of {path.name}")
    return ", ".join(done)


def is_whole_zip(path: Path) -> bool:
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
    return False


def _renamed(path: Path, rng: np.random.Generator) -> str:
    names = [
        f"._{path.name}",
        f"{path.stem} (1){path.suffix}",
        path.name.upper(),
        f"__MACOSX/{path.name}",
        f"b/{path.name}",
    ]
    other = path.parent / names[rng.integers(len(names))]
    other.parent.mkdir(exist_ok=True)
    if other == path:
        return f"{path.name} as it was"
    shutil.copy(path, other)
    if rng.random() < 0.3:
        path.unlink()
    return f"{path.name} as {other.name}"


def _member(path: Path, rng: np.random.Generator) -> str:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(members)[rng.integers(len(members))]
    is_kept = rng.random() < 0.7
    members[name] = _content(Path(name), members[name], rng) if is_kept else _bytes(members[name], rng)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return f"{name} in {path.name}"


def _bytes(content: bytes, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.15:
        return LEFTOVERS[rng.integers(len(LEFTOVERS))]
    data = bytearray(content)
    start, count = int(rng.integers(len(data) + 1)), int(rng.integers(1, 30))
    if rng.random() < 0.4:  # in the head, where formats say what follows
        start = min(start, int(rng.integers(200)))
    match rng.integers(6):
        case 0:
            del data[start:]
        case 1:
            del data[start : start + count]
        case 2:
            data[start:start] = rng.bytes(count)
        case 3:
            data[start : start + count] = rng.bytes(count)
        case 4:
            data[start : start + count] = (b"\xff" if rng.random() < 0.5 else b"\0") * count
        case _:
            for place in rng.integers(max(len(data), 1), size=count) if data else ():
                data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _content(path: Path, content: bytes, rng: np.random.Generator) -> bytes:
    """A file whose format still holds, with odd values; another kind of file is damaged byte by byte."""
    with contextlib.suppress(Exception):
        match path.suffix:
            case ".json":
                return json.dumps(_odd(json.loads(content), rng)).encode()
            case ".yaml":
                return yaml.safe_dump(_odd(yaml.safe_load(content), rng), sort_keys=False, allow_unicode=True).encode()
            case ".jsonl":
                lines = content.decode().splitlines()
                row = rng.integers(len(lines))
                lines[row] = json.dumps(_odd(json.loads(lines[row]), rng))
                return "\n".join(lines).encode()
            case ".csv" | ".txt":
                return _lines(content.decode(), rng)
            case ".npy":
                return _array(path, rng)
            case ".hdf5" | ".mat":
                return _hdf5(path, rng)
    return _bytes(content, rng)


def _odd(value: Any, rng: np.random.Generator) -> Any:
    """JSON with one value changed, left out or doubled."""
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[rng.integers(len(keys))]
        if rng.random() < 0.1:
            return (
                [item for place, item in enumerate(value) if place != key]
                if isinstance(value, list)
                else {name: item for name, item in value.items() if name != key}
            )
        if isinstance(value, list) and rng.random() < 0.1:
            return [*value, value[key]]
        value[key] = _odd(value[key], rng)
        return value
    return ODD[rng.integers(len(ODD))]


def _lines(text: str, rng: np.random.Generator) -> bytes:
    lines = text.splitlines()
    row = int(rng.integers(len(lines)))
    fields = lines[row].split(",")
    odd = str(ODD[rng.integers(len(ODD))])
    fields[rng.integers(len(fields))] = odd
    choices = [",".join(fields), ",".join(fields[1:]), f"{row},{lines[row]}", "", f'"{lines[row]}', lines[0]]
    lines[row] = choices[rng.integers(len(choices))]
    encoding = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-32"][rng.integers(5)]
    return "\n".join([*lines, ""]).encode(encoding, errors="replace")


def _array(path: Path, rng: np.random.Generator) -> bytes:
    values = np.load(path)
    match rng.integers(5):
        case 0:
            values = values.astype(np.float64)
            values.flat[rng.integers(values.size)] = [np.nan, np.inf, -1e308, 1e200][rng.integers(4)]
        case 1:
            values = values.reshape(-1)[: rng.integers(values.size)]
        case 2:
            values = values.astype(["c8", "S4", "?", "f2", "M8[s]", "O"][rng.integers(6)])
        case 3:
            values = values[: rng.integers(len(values) + 1)]
        case _:
            values = values - 300
    np.save(path, values, allow_pickle=True)
    return path.read_bytes()


def _hdf5(path: Path, rng: np.random.Generator) -> bytes:
    with h5py.File(path, "r+") as file:
        name = ["features", "vgg_features", "genres", "images", "depths", "labels", "scenes", "."][rng.integers(8)]
        odd = ODD[rng.integers(len(ODD))]
        if name == ".":
            file.attrs["split"] = odd if isinstance(odd, str | int | float) else np.arange(3)
        elif name in file and file[name].attrs and rng.random() < 0.5:
            file[name].attrs["target_names"] = odd if isinstance(odd, str | int | float) else np.array(["Drama"], "S9")
        elif name in file and rng.random() < 0.5:
            file[name][tuple(rng.integers(size) for size in file[name].shape)] = [np.nan, np.inf, 65535, 7][
                rng.integers(4)
            ]
        elif name in file:
            shape = [(), (6,), (0,), (6, 3), (6, 3, 8, 6), file[name].shape][rng.integers(6)]
            del file[name]
            file[name] = np.zeros(shape, ["f4", "i2", "S3"][rng.integers(3)])
    return path.read_bytes()
