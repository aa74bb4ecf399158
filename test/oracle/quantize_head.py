#!/usr/bin/env python3
# ===- quantize_head.py - A model with the head that few bits stand for ---=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What `sterna-compile --head-type` makes of a table, done in NumPy and written
# back as F32: a model compiled with the flag must compute what the new file
# says.
# ===----------------------------------------------------------------------=== #
"""Round the head of a GGUF file and write the file anew.

  quantize_head.py MODEL.gguf -o ROUNDED.gguf --type int8

int8: per row scale = max|w| / 127 and round-half-even(w / scale), both in
float32; f16: round to nearest. q6: per 32 columns scale = max|w| / 31, rounded
to f16; q4: minimum = min w, scale = (max w - minimum) / 15, both rounded to f16.
The table is output.weight or, where the head is tied, token_embd.weight.
"""

import argparse

import gguf
import numpy as np


def round_int8(table):
    """What int8 with a scale per row keeps of `table`."""
    table = table.astype(np.float32)
    scale = np.abs(table).max(axis=1, keepdims=True) / np.float32(127)
    safe = np.where(scale > 0, scale, np.float32(1))
    return np.clip(np.rint(table / safe), -127, 127) * scale


def half(values):
    return values.astype(np.float16).astype(np.float32)


def round_blocks(table, bits):
    """What blocks of 32 columns with codes of `bits` bits keep of `table`."""
    blocks = table.astype(np.float32).reshape(len(table), -1, 32)
    if bits == 6:
        least, most = -31, 31
        minimum = np.float32(0)
        span = np.abs(blocks).max(axis=2, keepdims=True)
    else:
        least, most = 0, 15
        minimum = half(blocks.min(axis=2, keepdims=True))
        span = blocks.max(axis=2, keepdims=True) - minimum
    scale = half(span / np.float32(most))
    safe = np.where(scale != 0, scale, np.float32(np.inf))
    codes = np.clip(np.rint((blocks - minimum) / safe), least, most)
    return (codes * scale + minimum).astype(np.float32).reshape(table.shape)


ROUND = {
    "int8": round_int8,
    "f16": half,
    "q6": lambda table: round_blocks(table, 6),
    "q4": lambda table: round_blocks(table, 4),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--type", choices=sorted(ROUND), required=True)
    args = parser.parse_args()
    reader = gguf.Reader(args.model)
    names = {codec: name for name, codec in gguf.CODECS.items()}
    tensors = {
        name: (reader.read(name), names[info.codec])
        for name, info in reader.tensors.items()
    }
    head = (
        "output.weight" if "output.weight" in tensors else "token_embd.weight"
    )
    tensors[head] = (ROUND[args.type](tensors[head][0]), "f32")
    gguf.write(args.output, reader.metadata, tensors)


if __name__ == "__main__":
    main()
