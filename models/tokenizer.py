# ===- tokenizer.py - A small vocabulary with byte fallback --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Trains the tokenizer and hands its pieces over in GGUF's terms.

BPE rather than unigram: the score of a BPE piece is minus its merge rank, so
merging the best-scored neighbours first, as readers of
`tokenizer.ggml.model = "llama"` do, gives the same tokens as SentencePiece.
"""

import io
import string
from typing import Iterable, List, Tuple

import sentencepiece

UNKNOWN_ID, BOS_ID, EOS_ID = 0, 1, 2

# Values of tokenizer.ggml.token_type.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def trainTokenizer(lines: Iterable[str], vocabularySize: int) -> bytes:
    """Returns a serialized SentencePiece model; deterministic."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabularySize,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        required_chars=(
            string.ascii_letters + string.digits + string.punctuation
        ),
        unk_id=UNKNOWN_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def loadTokenizer(model: bytes) -> sentencepiece.SentencePieceProcessor:
    """Wraps a serialized model for encoding and decoding."""
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def ggufVocabulary(
    processor: sentencepiece.SentencePieceProcessor,
) -> Tuple[List[str], List[float], List[int]]:
    """Returns (pieces, scores, token types), each indexed by token id."""
    pieces, scores, types = [], [], []
    for i in range(processor.get_piece_size()):
        pieces.append(processor.id_to_piece(i))
        scores.append(processor.get_score(i))
        if processor.is_unknown(i):
            types.append(UNKNOWN)
        elif processor.is_control(i):
            types.append(CONTROL)
        elif processor.is_byte(i):
            types.append(BYTE)
        else:
            types.append(NORMAL)
    return pieces, scores, types
