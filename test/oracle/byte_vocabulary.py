# ===- byte_vocabulary.py - A synthetic byte-level BPE vocabulary ---------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The tokenizer files of random checkpoints: no real vocabulary, yet any text
# can be encoded with it.
# ===----------------------------------------------------------------------=== #
"""tokenizer.json and its companions of a byte-level BPE of any size."""

import itertools

# Merges, best first; each joins two pieces that come before it.
_MERGES = ("t h|h e|i n|e r|a n|th e|Ġ t|Ġ a|Ġ the|an d|Ġ and").split("|")
_SPECIALS = ("<|begin|>", "<|end|>", "<|turn|>")
SMALLEST = 256 + len(_MERGES) + len(_SPECIALS)
TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def byte_alphabet():
    """GPT-2's character for each byte, in order of the bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = itertools.count(256)
    return [chr(b) if b in kept else chr(next(others)) for b in range(256)]


def _pieces(size):
    """The pieces of a vocabulary but for the special ones; ValueError if it has
    fewer than `SMALLEST`."""
    if size < SMALLEST:
        raise ValueError(f"expected at least {SMALLEST} pieces, got {size}")
    pieces = byte_alphabet() + [merge.replace(" ", "") for merge in _MERGES]
    filler = (f"[{index}]" for index in itertools.count())
    pieces += itertools.islice(filler, size - len(pieces) - len(_SPECIALS))
    return pieces


def byte_pair_metadata(size, pre):
    """`tokenizer.ggml.*` keys of the vocabulary of `size` pieces, for text that
    is split as `pre` says."""
    pieces = _pieces(size)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": [*pieces, *_SPECIALS],
        "tokenizer.ggml.token_type": [1] * len(pieces) + [3] * len(_SPECIALS),
        "tokenizer.ggml.merges": _MERGES,
        "tokenizer.ggml.bos_token_id": len(pieces),
        "tokenizer.ggml.eos_token_id": len(pieces) + 1,
        "tokenizer.ggml.add_bos_token": True,
    }


def tokenizer_files(size):
    """File name to JSON value of a vocabulary of `size` pieces."""
    pieces = _pieces(size)
    first = len(pieces)
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": first + index,
                "content": content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, content in enumerate(_SPECIALS)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {piece: index for index, piece in enumerate(pieces)},
            "merges": _MERGES,
        },
    }
    return {
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": _SPECIALS[0],
            "eos_token": _SPECIALS[1],
            "add_bos_token": True,
            "chat_template": TEMPLATE,
        },
        "generation_config.json": {"eos_token_id": [first + 1]},
    }
