# ===- spm_vocabulary.py - A synthetic SentencePiece vocabulary -----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The tokenizer metadata of random models: no real vocabulary, yet any text can
# be encoded with it. Shared by the test models and the benchmark ladder.
# ===----------------------------------------------------------------------=== #
"""A SentencePiece vocabulary of any size with byte fallback, as GGUF keys."""

import itertools
import string

_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_SPACE = "\u2581"
# Merges, best first; each joins two pieces that come before it.
_MERGES = (
    "th he in er an re on nd st en \u2581t \u2581a \u2581s \u2581the \u2581and"
).split()
SMALLEST = 3 + 256 + 1 + 26 + len(_MERGES)


def tokenizer_metadata(size):
    """`tokenizer.ggml.*` keys of a vocabulary of `size` pieces.

    Control tokens come first, then the 256 bytes, the space, the letters, a
    few merges, and pieces that no text reaches to fill up. ValueError below
    `SMALLEST` pieces.
    """
    if size < SMALLEST:
        raise ValueError(
            f"expected a vocabulary of at least {SMALLEST}, got {size}"
        )
    special = ["<unk>", "<s>", "</s>"]
    special += [f"<0x{byte:02X}>" for byte in range(256)]
    normal = [_SPACE, *string.ascii_lowercase, *_MERGES]
    filler = (f"[{index}]" for index in itertools.count())
    normal += itertools.islice(filler, size - len(special) - len(normal))
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": special + normal,
        # Pieces rank by position, as SentencePiece's BPE training leaves them.
        "tokenizer.ggml.scores": [0.0] * len(special)
        + [-float(rank) for rank in range(len(normal))],
        "tokenizer.ggml.token_type": [_UNKNOWN, _CONTROL, _CONTROL]
        + [_BYTE] * 256
        + [_NORMAL] * len(normal),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
    }
