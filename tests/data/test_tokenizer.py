"""The cut vocabulary finds the same pieces as the full one."""

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from msd.data.tokenizer import cut_vocabulary
from msd.errors import UserError

LETTERS = "abcdeht"
PIECES = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)),
    *("bad", "##bed", "bath", "hat", "the", "##ed", "be", "##ta"),
]


@pytest.fixture
def full() -> Tokenizer:
    tokenizer = Tokenizer(WordPiece({piece: number for number, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(PIECES[:5])
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=128)
    return tokenizer


def test_texts_of_the_dataset_keep_their_pieces(full: Tokenizer) -> None:
    texts = ["the bad hat", "Bathed", "xyz beta"]
    small = Tokenizer.from_str(cut_vocabulary(full.to_str(), texts))
    full.no_truncation()
    full.no_padding()
    for text in texts:
        assert small.encode(text).tokens == full.encode(text).tokens
    assert small.get_vocab_size() < full.get_vocab_size()
    assert "##bed" not in small.get_vocab()


def test_numbers_are_contiguous_in_the_old_order_and_unseen_words_are_spelt(full: Tokenizer) -> None:
    small = json.loads(cut_vocabulary(full.to_str(), ["the"]))
    vocabulary = small["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert vocabulary["[CLS]"] == 2
    assert Tokenizer.from_str(json.dumps(small)).encode("bad").tokens == ["[CLS]", "b", "##a", "##d", "[SEP]"]


def test_another_kind_of_tokenizer_is_refused() -> None:
    with pytest.raises(UserError, match="BPE model; expected WordPiece"):
        cut_vocabulary(Tokenizer(BPE()).to_str(), ["a"])
