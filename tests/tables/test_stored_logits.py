"""Tables read a teacher's outputs in every form in which they are stored."""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from msd.distill.top_logits import all_logits, top_logits
from msd.tables.names import VIEWS
from msd.tables.results import read_logits


def test_outputs_are_read_whole_in_half_precision_and_where_the_largest_alone_were_kept(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = {view: torch.randn(6, 5, generator=generator) for view in VIEWS}
    half = {f"{view}/logits": values.half() for view, values in logits.items()}
    safetensors.torch.save_file(half, tmp_path / "half")
    kept = {view: top_logits(values, count=2, task="multilabel") for view, values in logits.items()}
    stored = {f"{view}/top/{name}": part for view, top in kept.items() for name, part in top._asdict().items()}
    stored = {name: part.int() if name.endswith("labels") else part for name, part in stored.items()}
    safetensors.torch.save_file(stored | {"head/bias": torch.zeros(5)}, tmp_path / "top")
    for view in VIEWS:
        np.testing.assert_array_equal(
            read_logits(str(tmp_path / "half"), f"{view}/logits"), logits[view].half().float()
        )
        np.testing.assert_array_equal(read_logits(str(tmp_path / "top"), f"{view}/logits"), all_logits(kept[view], 5))
