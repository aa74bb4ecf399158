#!/usr/bin/env python3
# ===- ternary_latents.py - Latent weights that look ternary ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write a checkpoint that quantizes latent weights whenever it runs, of which
one matrix is 0.5 times trits, and print the mean of that one's magnitudes.

  ternary_latents.py DIR
"""

import json
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "oracle"))
from make_checkpoint import Checkpoint  # noqa: E402

NAME = "model.layers.1.mlp.up_proj.weight"


def main():
    folder = pathlib.Path(sys.argv[1])
    Checkpoint("bitnet-online").write(str(folder))
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    begin, end = json.loads(data[8 : 8 + size])[NAME]["data_offsets"]
    count = (end - begin) // 2
    trits = np.arange(count) * 7 % 5 % 3 - 1
    words = (np.float32(0.5) * trits).astype("<f4").view("<u4") >> 16
    data[8 + size + begin : 8 + size + end] = words.astype("<u2").tobytes()
    path.write_bytes(data)
    print(f"mean {0.5 * np.abs(trits).mean():.6e}")


main()
