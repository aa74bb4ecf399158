#!/usr/bin/env python3
# ===- damage.py - Models that must be refused ----------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A small valid model with one thing wrong, for the tests of the importer's
# errors.
# ===----------------------------------------------------------------------=== #
"""Write a small model with one thing wrong.

  damage.py DAMAGE -o MODEL.gguf

DAMAGE is one of the following; NAME and KEY may have escapes of Python
  architecture=NAME    another name of the architecture
  no-key=KEY           without a metadata key
  no-tensor=NAME       without a tensor
  extra-tensor=NAME    with a tensor that no definition knows
  shape=NAME           a tensor with a row too many
  key=KEY:VALUE        another value of a metadata key, or one key more; VALUE
                       is Python, nan and inf included
  item=KEY:INDEX:VALUE another element of a key that holds an array
  element=NAME:VALUE   a tensor whose last element is VALUE
  tensor=NAME:SHAPE    with a tensor more, or another one, of twos in that shape
  offset=NAME:OTHER    a tensor that begins 32 bytes into another
  cut=BYTES            only the first BYTES of the file
  byte=OFFSET:VALUE    another byte of the file
"""

import argparse
import math
import os
import struct
import sys

import numpy as np

sys.path.insert(
    0, os.path.join(os.path.dirname(__file__), "..", "..", "oracle")
)
import gguf  # noqa: E402
import make_model  # noqa: E402


def evaluate(text):
    return eval(text, {"nan": math.nan, "inf": math.inf})


def change(metadata, tensors, damage, value):
    """Apply a damage of keys or tensors."""
    name, _, rest = value.partition(":")
    name = name.encode().decode("unicode_escape")
    if damage == "architecture":
        metadata["general.architecture"] = value
    elif damage == "no-key":
        del metadata[value]
    elif damage == "key":
        metadata[name] = evaluate(rest)
    elif damage == "item":
        index, _, item = rest.partition(":")
        metadata[name] = list(metadata[name])
        metadata[name][int(index)] = evaluate(item)
    elif damage == "no-tensor":
        del tensors[value]
    elif damage == "extra-tensor":
        tensors[value] = (np.ones(64, np.float32), "f32")
    elif damage == "tensor":
        tensors[name] = (np.full(evaluate(rest), 2, np.float32), "f32")
    elif damage == "element":
        tensors[name][0].reshape(-1)[-1] = evaluate(rest)
    elif damage == "shape":
        matrix, kind = tensors[value]
        tensors[value] = (np.concatenate([matrix, matrix[:1]]), kind)


def overlap(path, name, other):
    """Let tensor `name` begin 32 bytes into `other`."""
    with open(path, "rb") as file:
        data = bytearray(file.read())

    def place(tensor):
        at = data.index(struct.pack("<Q", len(tensor)) + tensor.encode())
        at += 8 + len(tensor)
        return at + 4 + 8 * data[at] + 4

    at = place(other)
    start = struct.unpack_from("<Q", data, at)[0]
    struct.pack_into("<Q", data, place(name), start + 32)
    with open(path, "wb") as file:
        file.write(data)


def write_damaged(path, text):
    """Write the model with the damage that `text` describes."""
    damage, _, value = text.partition("=")
    variant = make_model.VARIANTS["base"]
    metadata = make_model.model_metadata("damaged", variant)
    tensors = make_model.make_tensors(variant, seed=1)
    change(metadata, tensors, damage, value)
    gguf.write(path, metadata, tensors)
    if damage == "offset":
        overlap(path, *value.split(":"))
    with open(path, "r+b") as file:
        if damage == "cut":
            file.truncate(int(value))
        elif damage == "byte":
            offset, byte = map(int, value.split(":"))
            file.seek(offset)
            file.write(bytes([byte]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("damage")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    write_damaged(args.output, args.damage)


if __name__ == "__main__":
    main()
