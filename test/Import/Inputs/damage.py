#!/usr/bin/env python3
# ===- damage.py - Models that must be refused ----------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A small valid model with one thing wrong, for the tests of the importer's
# errors.
# ===----------------------------------------------------------------------=== #
"""Write a small model with one thing wrong.

  damage.py DAMAGE -o MODEL.gguf

DAMAGE is one of
  architecture=NAME    another name of the architecture
  no-key=KEY           without a metadata key
  no-tensor=NAME       without a tensor
  extra-tensor=NAME    with a tensor that no definition knows
  shape=NAME           a tensor with a row too many
  key=KEY:NUMBER       another value of a metadata key
  cut=BYTES            only the first BYTES of the file
  byte=OFFSET:VALUE    another byte of the file
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(
    0, os.path.join(os.path.dirname(__file__), "..", "..", "oracle")
)
import gguf  # noqa: E402
import make_model  # noqa: E402


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("damage")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    damage, _, value = args.damage.partition("=")

    variant = make_model.VARIANTS["base"]
    metadata = make_model.model_metadata("damaged", variant)
    tensors = make_model.make_tensors(variant, seed=1)
    if damage == "architecture":
        metadata["general.architecture"] = value
    elif damage == "no-key":
        del metadata[value]
    elif damage == "key":
        key, number = value.split(":")
        metadata[key] = type(metadata[key])(number)
    elif damage == "no-tensor":
        del tensors[value]
    elif damage == "extra-tensor":
        tensors[value] = (np.ones(64, np.float32), "f32")
    elif damage == "shape":
        matrix, kind = tensors[value]
        tensors[value] = (np.concatenate([matrix, matrix[:1]]), kind)
    gguf.write(args.output, metadata, tensors)
    with open(args.output, "r+b") as file:
        if damage == "cut":
            file.truncate(int(value))
        elif damage == "byte":
            offset, byte = map(int, value.split(":"))
            file.seek(offset)
            file.write(bytes([byte]))


if __name__ == "__main__":
    main()
