"""A user's own pictures, of scikit-learn's digits, and `msd data add` for their folder."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

from msd.cli import main
from msd.data.pictures import png

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
CONFIGS = [Path("config/datasets/my-task.yaml"), Path("config/my-task-study.yaml")]
ARCHIVE = Path("data/my-task/my-task.zip")


def digits(count: int) -> pd.DataFrame:
    """Scikit-learn's digits, each with a note that names its digit or, half of the time, any other."""
    content = load_digits()
    rng = np.random.default_rng(0)
    named = np.where(rng.random(count) < 0.5, content.target[:count], rng.integers(10, size=count))
    notes = [f"Note {number}: looks like a {NAMES[digit]} to me" for number, digit in enumerate(named)]
    return pd.DataFrame(
        {"image": [f"{n:04d}.png" for n in range(count)], "text": notes, "label": content.target[:count]}
    )


def draw(folder: Path, names: list[str]) -> None:
    """Write pictures of the digits whose numbers are the names."""
    images = load_digits().images
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        values = (images[int(Path(name).stem)] * 15.9).astype(np.uint8)
        (folder / name).write_bytes(png(Image.fromarray(values).resize((32, 32))))


def add(*options: str, folder: str = "own", name: str = "my-task") -> int:
    return main(["data", "add", folder, "--name", name, *options])
