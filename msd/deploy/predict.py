"""What a student says of a user's own pictures and texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from msd.data.pictures import rgb
from msd.deploy.student import Answer, Student, open_student
from msd.errors import UserError, nearest
from msd.system.text_file import read_rows

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
BATCH = 32


@dataclass(frozen=True)
class Prediction:
    """A student's answers, printed as lines, or as JSON for programs.

    Attributes:
        samples: (picture, text) of each answer.   top: labels of each that are shown.
    """

    student: Student
    samples: list[tuple[Path, str]]
    answers: list[Answer]
    top: int

    def __str__(self) -> str:
        lines = [self.student.name]
        for (picture, text), answer in zip(self.samples, self.answers, strict=True):
            lines.append(f"{picture} | {text!r}")
            lines += [f"  {probability:6.1%}  {label}" for label, probability in answer.labels[: self.top]]
            alone = "; ".join(f"{view} alone: {answer.views[view][0][0]}" for view in ("image", "text"))
            shares = ", ".join(f"{modality} {value:.2f}" for modality, value in answer.saliency.items())
            lines.append(f"  {alone}; saliency in nats: {shares}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """An object for each picture and text, with the probabilities by view."""
        objects = []
        for (picture, text), answer in zip(self.samples, self.answers, strict=True):
            probabilities = {view: dict(ranked) for view, ranked in answer.views.items()}
            fields = {"image": str(picture), "text": text}
            objects.append({**fields, "probabilities": probabilities, "saliency": answer.saliency})
        return json.dumps(objects, indent=1, ensure_ascii=False)


def predict(
    place: str, *, images: Sequence[str], texts: Sequence[str], table: str | None, seed: int | None, top: int
) -> Prediction:
    """The answers of a student for pictures with texts, or for the rows of a CSV file.

    Args:
        place: folder of a run or an export.   images: files, or folders of pictures.   texts: one for all pictures,
            or one for each.   table: CSV with the columns `image` (a path, from the file's folder) and `text`.

    Raises:
        UserError: no sample or too many arguments, or a picture or the table cannot be read.
    """
    if top < 1:
        raise UserError(f"--top: at least one label is shown; got {top}")
    if table is not None and (images or texts):
        raise UserError("--csv names pictures and texts; leave out --image and --text")
    samples = _of_table(Path(table)) if table is not None else _of_arguments(images, texts)
    student = open_student(place, seed=seed)
    answers = []
    for start in range(0, len(samples), BATCH):
        part = samples[start : start + BATCH]
        answers += student.answers([_picture(path) for path, _ in part], [text for _, text in part])
    return Prediction(student, samples, answers, top)


def _of_arguments(images: Sequence[str], texts: Sequence[str]) -> list[tuple[Path, str]]:
    pictures = [picture for image in images for picture in _pictures(Path(image))]
    if not pictures or not texts:
        raise UserError("give --image and --text, or --csv with the columns image and text")
    if len(texts) not in (1, len(pictures)):
        raise UserError(f"{len(pictures)} pictures and {len(texts)} texts; give one text for all, or one for each")
    if other := [text for text in texts if text.encode(errors="replace").decode() != text]:
        raise UserError(f"--text: {other[0]!r} is not UTF-8; write it anew")
    return list(zip(pictures, texts if len(texts) == len(pictures) else list(texts) * len(pictures), strict=True))


def _pictures(path: Path) -> Iterator[Path]:
    """A picture, or those of a folder by name."""
    if not path.is_dir():
        yield path
        return
    pictures = sorted(each for each in path.iterdir() if each.suffix.lower() in PICTURES)
    if not pictures:
        raise UserError(f"the folder {path} holds no pictures ({', '.join(PICTURES)})")
    yield from pictures


def _of_table(path: Path) -> list[tuple[Path, str]]:
    rows = read_rows(path, columns=2)
    header = rows[0][1] if rows else []
    for name in ("image", "text"):
        if header.count(name) > 1:
            raise UserError(f"{path} has two columns {name!r}; rename one")
        if name not in header:
            raise UserError(f"{path} has no column {name!r}{nearest(name, header)}")
    image, text = header.index("image"), header.index("text")
    samples = []
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise UserError(f"{path}:{line} has {len(fields)} fields, its first line {len(header)}; correct it")
        samples.append((path.parent / fields[image], fields[text]))
    if not samples:
        raise UserError(f"{path} has no rows below its first line")
    return samples


def _picture(path: Path) -> Image.Image:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"the picture {path} cannot be read: {error.strerror}") from error
    return rgb(content, name=str(path))
