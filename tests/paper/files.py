"""The files of the paper's data sets, features and models in the published formats: tiny, of noise and random weights."""

import io
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import box_files
import mm_imdb_files
import model_files
import published_memes
import safetensors.torch
import snli_ve_files
import torch
import transformers
import vqa_v2_files
from PIL import Image

from msd.data.pictures import write_archive
from msd.data.raw_files import read_member
from msd.data.readers.films import GENRES

BOXES, WIDTH = 100, 64
SMALL, LARGE = 2, 4
"""Layers of the models."""
STUDENTS = {"tinybert-4l-312": SMALL, "tinybert-6l-768": LARGE}
MODEL = {"width": 16, "heads": 2, "feed_forward": 32, "positions": 20}
"""Sizes of all models, those of model_files.py."""
WORDS = {"layers": 1, "dims": 32, "heads": 2, "feed_forward": 32}
"""Sizes of the text encoder of the logistic probe, which takes 32 principal components."""
SPLITS = {"train": 48, "val": 36, "test": 36}
QUESTIONED = {"train2014": 16, "val2014": 24}
"""Pictures of VQA v2 that have questions; the first VALIDATED of val2014 are its validation split."""
VALIDATED = 12
Files = dict[str, bytes]


def noise(name: str, form: str = "JPEG") -> bytes:
    """A picture of noise, another one for each name, so that none is a copy of another."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (32, 24), random.Random(name).randbytes(32 * 24 * 3)).save(buffer, form)
    return buffer.getvalue()


def numbers() -> dict[str, list[int]]:
    """Split -> as many numbers, of no other split."""
    given = iter(range(1235, 9999))
    return {split: [next(given) for _ in range(count)] for split, count in SPLITS.items()}


def hateful_memes(password: str) -> Files:
    """The encrypted zip, with both classes in every split."""
    train, val, test = numbers().values()
    ids = {"train": tuple(train), "dev_seen": tuple(val), "test_seen": tuple(test)}
    files = {name: noise(name, "PNG") if name.endswith(".png") else content
             for name, content in published_memes.published(ids).items()}  # fmt: skip
    return {"hateful_memes.zip": published_memes.encrypted(files, password.encode())}


def mm_imdb() -> Files:
    """The tar archive, each genre in every split; the plot spells the first genre of a film."""
    files, listed = {}, {}
    for split, own in numbers().items():
        listed["dev" if split == "val" else split] = [f"{number:07d}" for number in own]
        for number in own:
            genres = [GENRES[number % len(GENRES)], GENRES[(number + 1) % len(GENRES)]]
            plots = [f"A film, {number}.", f"A story that is {' '.join(genres[0])}."]
            film = mm_imdb_files.film(f"{number:07d}", genres=genres, plot=plots)
            files[f"mmimdb/dataset/{number:07d}.json"] = film
            files[f"mmimdb/dataset/{number:07d}.jpeg"] = noise(str(number))
    return {"mmimdb.tar.gz": mm_imdb_files.packed(files | {"mmimdb/split.json": json.dumps(listed).encode()})}


def snli_ve() -> Files:
    """SNLI, the lists and the photographs: three pairs on each picture."""
    pictures = {split: [str(number) for number in own[: len(own) // 2]] for split, own in numbers().items()}
    rows = {
        {"val": "dev"}.get(split, split): [
            json.dumps(snli_ve_files.row(f"{picture} {letter}")).encode() for picture in own for letter in "enc"
        ]
        for split, own in pictures.items()
    }
    listed = [*pictures["train"], *snli_ve_files.FILLERS[: 1000 - len(pictures["val"])], *pictures["val"]]
    photographs = {f"flickr30k-images/{picture}.jpg": noise(picture) for own in pictures.values() for picture in own}
    return {
        "snli_1.0.zip": snli_ve_files.packed_snli(rows),
        "flickr30k_train_val.lst": "\n".join(listed).encode(),
        "flickr30k_test.lst": "\n".join(pictures["test"]).encode(),
        "flickr30k-images.tar.gz": snli_ve_files.packed_tar(photographs),
    }


def vqa_v2() -> Files:
    """The six archives: three questions on each picture."""
    made: Files = {}
    for first, (subset, count) in zip((1, 501), QUESTIONED.items(), strict=True):
        for archive, members in vqa_v2_files.published(subset, list(range(first, first + count))).items():
            own = {name: noise(name) if name.endswith(".jpg") else content for name, content in members.items()}
            made[archive] = _written(lambda path, own=own: write_archive(path, own))
    return made


def boxes(keys: list[str], *, lmdb: bool) -> bytes:
    """A tar archive of boxes as MMF publishes them, in a database or in arrays."""
    records = {key: box_files.record(key, 40 + place % 61, width=WIDTH) for place, key in enumerate(keys)}
    if not lmdb:
        return _written(lambda path: box_files.tar_file(path, box_files.npy_files(records)))
    with tempfile.TemporaryDirectory() as folder:
        content = {"detectron.lmdb/data.mdb": box_files.lmdb_file(Path(folder), records).read_bytes()}
    return _written(lambda path: box_files.tar_file(path, content))


def features() -> dict[str, Files]:
    """Encoder -> its file: boxes of every picture of its data set."""
    every = [str(number) for own in numbers().values() for number in own]
    coco = [str(first + place) for first, count in zip((1, 501), QUESTIONED.values(), strict=True)
            for place in range(count)]  # fmt: skip
    return {
        "mmf-hateful-memes": {"features_2020_10_01.tar.gz": boxes(every, lmdb=True)},
        "mmf-mm-imdb": {"features.tar.gz": boxes([f"{int(key):07d}" for key in every], lmdb=True)},
        "mmf-flickr30k": {"features.tar.gz": boxes(every, lmdb=False)},
        "mmf-coco": {"trainval2014.tar.gz": boxes(coco, lmdb=True)},
    }


def models(wheel: str) -> dict[str, Files]:
    """Model or text encoder -> its files, `wheel` the package of the encoder."""
    with tempfile.TemporaryDirectory() as given:
        folders = {name: Path(given, name) for name in ("visualbert-base", *STUDENTS)}
        model_files.write_visualbert(folders["visualbert-base"], region_width=WIDTH, num_hidden_layers=LARGE)
        for name, layers in STUDENTS.items():
            model_files.write_tinybert(folders[name], num_hidden_layers=layers)
        package = model_files.converted(folders["tinybert-4l-312"], model_files.model_config("tinybert"))
        tokenizer = read_member(package, "tokenizer.json")
        made = {
            name: {file: (folder / file).read_bytes() for file in ("pytorch_model.bin", "vocab.txt")}
            for name, folder in folders.items()
        }
    return made | {"minilm-l6": {wheel: _text_encoder(tokenizer)}}


def _text_encoder(tokenizer: bytes) -> bytes:
    sizes = {"hidden_size": WORDS["dims"], "num_hidden_layers": WORDS["layers"], "max_position_embeddings": 512}
    torch.manual_seed(6)
    model = transformers.BertModel(transformers.BertConfig(**(model_files.BERT | sizes)))
    content = {"config.json": model.config.to_json_string().encode(), "tokenizer.json": tokenizer}
    content["model.safetensors"] = safetensors.torch.save(model.state_dict())
    return _written(lambda path: write_archive(path, {f"words/{name}": each for name, each in content.items()}))


def _written(write: Any) -> bytes:
    """What a function writes to a path."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()
