"""The word pieces of a dataset: a real WordPiece vocabulary cut down to what its texts use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msd.data.columns import read_columns
from msd.data.raw_files import read_member
from msd.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from msd.job import Job

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_tokenizer(job: Job) -> dict[str, float]:
    """Stage `tokenizer`: cut the encoder's tokenizer.json to the pieces of one dataset's texts.

    Word pieces that no text uses change no prediction but cost time in every optimiser step. Greedy longest-match
    WordPiece finds the same pieces in the smaller vocabulary, which also keeps every single character, so that
    unseen words can still be spelt.
    """
    full = read_member(job.inputs["encoder"], "tokenizer.json").decode()
    texts = sorted({text for path in job.inputs["prepared"] for text in read_columns(path, "text")["text"].to_pylist()})
    small = cut_vocabulary(full, texts)
    Path(job.outputs["tokenizer"]).write_text(small, encoding="utf-8")
    return {"pieces": float(len(json.loads(small)["model"]["vocab"]))}


def cut_vocabulary(tokenizer_json: str, texts: Iterable[str]) -> str:
    """A WordPiece tokenizer.json that keeps special tokens, single characters and the pieces of `texts`."""
    from tokenizers import Tokenizer

    content = json.loads(tokenizer_json)
    if content["model"].get("type") != "WordPiece":
        raise UserError(f"tokenizer.json holds a {content['model'].get('type')} model; expected WordPiece")
    full = Tokenizer.from_str(tokenizer_json)
    full.no_truncation()
    full.no_padding()
    used = {piece for encoding in full.encode_batch(list(texts)) for piece in encoding.tokens}
    vocabulary: dict[str, int] = content["model"]["vocab"]
    kept = [
        piece
        for piece in sorted(vocabulary, key=lambda piece: vocabulary[piece])
        if piece in used or piece in SPECIAL or len(piece.removeprefix("##")) == 1
    ]
    numbers = {piece: number for number, piece in enumerate(kept)}
    content["model"]["vocab"] = numbers
    content["truncation"] = content["padding"] = None
    content["added_tokens"] = [
        {**token, "id": numbers[token["content"]]} for token in content["added_tokens"] if token["content"] in numbers
    ]
    for special in content["post_processor"].get("special_tokens", {}).values():
        special["ids"] = [numbers[token] for token in special["tokens"]]
    for end in ("cls", "sep"):
        if end in content["post_processor"]:
            token = content["post_processor"][end][0]
            content["post_processor"][end] = [token, numbers[token]]
    return json.dumps(content, ensure_ascii=False, sort_keys=False)


def read_tokenizer(path: str | Path, *, max_tokens: int) -> Tokenizer:
    """A tokenizer that cuts texts to `max_tokens` pieces, [CLS] and [SEP] included, and does not pad."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer
