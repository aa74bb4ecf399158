#!/usr/bin/env python3
# ===- quantize_head.py - A model with the head that int8 stands for ------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What `sterna-compile --head-type` makes of a table, done in NumPy and written
# back as F32: a model compiled with the flag must compute what the new file
# says.
# ===----------------------------------------------------------------------=== #
"""Round the head of a GGUF file and write the file anew.

  quantize_head.py MODEL.gguf -o ROUNDED.gguf --type int8

int8: per row scale = max|w| / 127 and round-half-even(w / scale), both in
float32; f16: round to nearest. The table is output.weight or, where the head is
tied, token_embd.weight.
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


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--type", choices=("int8", "f16"), required=True)
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
    table = tensors[head][0]
    if args.type == "int8":
        tensors[head] = (round_int8(table), "f32")
    else:
        tensors[head] = (table.astype(np.float16).astype(np.float32), "f32")
    gguf.write(args.output, reader.metadata, tensors)


if __name__ == "__main__":
    main()
