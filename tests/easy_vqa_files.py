"""easy-VQA's package with pictures of one colour each."""

import json
from pathlib import Path

from PIL import Image

from msd.data.pictures import png, write_archive


def vqa_wheel(
    folder: Path,
    *,
    without: str | None = None,
    broken: str | None = None,
    entries: list[object] | None = None,
    whole: bool = False,
) -> list[Path]:
    """The package, with other first (or with other) training questions."""
    members: dict[str, bytes] = {"easy_vqa/data/answers.txt": b"yes\nno\nred\n"}
    for part, pictures in (("train", 10), ("test", 4)):
        questions: list[object] = [
            [f"question {q}?", ("yes", "no", "red")[q % 3], p] for p in range(pictures) for q in range(5)
        ]
        if entries and part == "train":
            questions = entries if whole else [*entries, *questions[len(entries) :]]
        members[f"easy_vqa/data/{part}/questions.json"] = json.dumps(questions).encode()
        for picture in range(pictures):
            members[f"easy_vqa/data/{part}/images/{picture}.png"] = png(Image.new("RGB", (8, 8), (picture, 0, 0)))
    if without:
        del members[without]
    if broken:
        members[broken] = members[broken][:30]
    path = folder / "easy_vqa-1.whl"
    write_archive(path, members)
    return [path]
