"""What counts as the same again: texts of the same words, pictures with the same coarse pattern of grey."""

import re
from collections.abc import Hashable, Iterable, Mapping

from PIL import Image

SIDE = 16


def plain_text(text: str) -> str:
    """The words of a text in lower case, without punctuation: equal for texts that say the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def average_hash(picture: Image.Image) -> bytes:
    """16×16 bits, one for each cell that is lighter than the mean: equal for near-copies."""
    cells = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    mean = sum(cells) / len(cells)
    return bytes(cell > mean for cell in cells)


def seen_in_training(
    samples: Iterable[tuple[str, str]], training: Iterable[tuple[str, str]], looks: Mapping[str, bytes], *, both: bool
) -> list[bool]:
    """Whether each sample (picture, text) has a text of the training samples, or a picture that looks like one there.

    looks: picture -> its hash.   both: whether only a sample with the text and the picture of one counts.
    """
    known = {(looks[picture], plain_text(text)) for picture, text in training}
    pictures, texts = ({part[place] for part in known} for place in (0, 1))
    are_copies = []
    for picture, text in samples:
        look, plain = looks[picture], plain_text(text)
        are_copies.append((look, plain) in known if both else look in pictures or plain in texts)
    return are_copies


def linked(features: Mapping[str, Iterable[Hashable]]) -> dict[str, str]:
    """Item -> its group, which bears the name of the first: items that share a feature are in one, directly or not."""
    first: dict[Hashable, str] = {}
    parent = {item: item for item in features}

    def root(item: str) -> str:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for item, own in features.items():
        for feature in own:
            other = root(first.setdefault(feature, item))
            parent[max(other, root(item))] = min(other, root(item))
    return {item: root(item) for item in features}
