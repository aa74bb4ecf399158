#!/usr/bin/env python3
# ===- layers.py - A random model of a given depth -------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# For tests of what must not grow with the number of layers.
# ===----------------------------------------------------------------------=== #
"""Write the random model `base` with another number of layers.

layers.py LAYERS MODEL.gguf
"""

import dataclasses
import os
import sys

sys.path.insert(
    0, os.path.join(os.path.dirname(__file__), "..", "..", "oracle")
)
import gguf  # noqa: E402
import make_model  # noqa: E402

layers, path = sys.argv[1:]
base = make_model.VARIANTS["base"]
variant = dataclasses.replace(base, layers=int(layers))
gguf.write(
    path,
    make_model.model_metadata(f"{layers} layers", variant),
    make_model.make_tensors(variant, seed=1),
)
