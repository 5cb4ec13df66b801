"""Stage `transfer`: training texts and pictures paired anew, for which only the teacher has an answer.

A transfer set without labels is the classic setting of distillation (Hinton, Vinyals, Dean 2015, section 3).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from msd.data import SPLITS
from msd.data.randomness import generator
from msd.errors import UserError

if TYPE_CHECKING:
    from msd.config.contracts.data import TransferParams
    from msd.job import Job

TRANSFER = "transfer"
"""Name of the split of pairs without labels."""


def transfer(job: Job[TransferParams]) -> dict[str, float]:
    """Write transfer.parquet: `pairs` times each picture of the training split, with a text that another sample has.

    A pair that the training split holds, or that was drawn before, is left out. Raises UserError where none is left.
    """
    table = pq.read_table(job.inputs["train"])
    images, texts = (table[name].to_pylist() for name in ("image", "text"))
    taken, rows = set(zip(images, texts, strict=True)), []
    for turn in range(job.params.pairs):
        order = _shuffled(texts, generator(job.params.dataset, TRANSFER, turn))
        for number, pair in enumerate(zip(images, order, strict=True)):
            if pair not in taken:
                taken.add(pair)
                rows.append({"uid": f"{TRANSFER}-{turn}-{number}", "image": pair[0], "text": pair[1]})
    if not rows:
        raise UserError(f"transfer: {job.params.dataset} has every pair of its texts and pictures in training already")
    schema = pa.schema([table.schema.field(name) for name in ("uid", "image", "text", "target", "score")])
    empty = [row | {"target": [], "score": []} for row in rows]
    pq.write_table(pa.Table.from_pylist(empty, schema=schema), job.outputs["transfer"])
    return {"pairs": len(rows)}


def splits_of(job: Job[Any]) -> list[str]:
    """The splits among a job's outputs: those of a data set, or the pairs for transfer."""
    return [split for split in (*SPLITS, TRANSFER) if split in job.outputs]


def _shuffled(texts: list[str], rng: random.Random) -> list[str]:
    keys = [rng.random() for _ in texts]
    return [texts[place] for place in sorted(range(len(texts)), key=keys.__getitem__)]
