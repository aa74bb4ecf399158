#!/usr/bin/env python3
# ===- make_shape.py - A model of a published shape without weights -------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the compiler plans depends on shapes alone. The weights are a hole in the
# file, which takes no disk: zero bytes are valid trits and floats.
# ===----------------------------------------------------------------------=== #
"""Write a GGUF model of a shape of benchmarks/ladder.py, all weights zero.

make_shape.py 13B -o MODEL.gguf [--context-length 4096]
"""

import argparse
import os
import sys

_TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(_TEST, "oracle"))
sys.path.insert(0, os.path.join(_TEST, "..", "benchmarks"))
from gguf import StreamWriter  # noqa: E402
from ladder import SHAPES, tensor_list  # noqa: E402
from make_model import model_metadata  # noqa: E402


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shape", choices=SHAPES, metavar="SHAPE")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--context-length", type=int, default=2048)
    args = parser.parse_args()
    model = SHAPES[args.shape]
    metadata = model_metadata(args.shape, model, args.context_length)
    writer = StreamWriter(args.output, metadata, tensor_list(model, "tq2_0"))
    writer.leave_hole()
    writer.close()


if __name__ == "__main__":
    main()
