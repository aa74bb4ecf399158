#!/usr/bin/env python3
# ===- ladder.py - Random-weight models of benchmark shapes ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Models of the sizes at which ternary inference and training are compared in
# public, with random weights: speed and memory do not depend on the values.
# Tensors are streamed, so that a 13B model needs no more memory than a 125M.
# ===----------------------------------------------------------------------=== #
"""Write a random ternary model of a published shape as GGUF.

  ladder.py 125M -o MODEL.gguf [--type tq2_0] [--layers N] [--seed N]
  ladder.py --list

The matrices are in --type; one whose rows are no multiple of 256 cannot be in
TQ1_0 or TQ2_0 and is written as F16, which is reported. The embedding is F16.
"""

import argparse
import math
import pathlib
import sys

import numpy as np

_ORACLE = pathlib.Path(__file__).resolve().parent.parent / "test" / "oracle"
sys.path.insert(0, str(_ORACLE))

from gguf import StreamWriter  # noqa: E402
from gguf_codecs import CODECS  # noqa: E402
from make_model import Variant, model_metadata  # noqa: E402

# Values encoded at a time.
CHUNK = 1 << 22


def shape(hidden, feed_forward, layers, heads, **other):
    """A model of this shape; `other` are further fields of Variant."""
    settings = {
        "arch": "bitnet",
        "kv_heads": heads,
        "vocabulary": 32002,
        **other,
    }
    return Variant(
        note="",
        hidden=hidden,
        feed_forward=feed_forward,
        layers=layers,
        heads=heads,
        **settings,
    )


SHAPES = {
    "125M": shape(768, 3072, 11, 12),
    "350M": shape(1024, 3072, 24, 16),
    "1B": shape(2048, 3584, 24, 32),
    "1.5B": shape(1536, 9216, 28, 32),
    "2.7B": shape(3072, 7680, 24, 32),
    "3.8B": shape(3840, 8192, 24, 32),
    "7B": shape(4096, 12032, 32, 32),
    "13B": shape(5120, 13824, 40, 40),
    "bitnet_b1_58-large": shape(1536, 4096, 24, 16),
    "bitnet_b1_58-xl": shape(2048, 5460, 24, 32),
    "bitnet_b1_58-3B": shape(3200, 8640, 26, 32),
    # Squared ReLU, as its architecture says.
    "2B-4T": shape(
        *(2560, 6912, 30, 20),
        arch="bitnet-b1.58",
        kv_heads=5,
        vocabulary=128256,
        theta=500000.0,
    ),
}


def tensor_list(model, kind):
    """(name, shape, type name) of every tensor, in file order."""
    hidden, wide = model.hidden, model.feed_forward
    kv = hidden // model.heads * model.kv_heads

    def matrix(name, rows, columns):
        fits = columns % CODECS[kind].block == 0
        return f"{name}.weight", (rows, columns), kind if fits else "f16"

    def norm(name, size):
        return f"{name}.weight", (size,), "f32"

    tensors = [("token_embd.weight", (model.vocabulary, hidden), "f16")]
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        tensors += [
            norm(prefix + "attn_norm", hidden),
            matrix(prefix + "attn_q", hidden, hidden),
            matrix(prefix + "attn_k", kv, hidden),
            matrix(prefix + "attn_v", kv, hidden),
            norm(prefix + "attn_sub_norm", hidden),
            matrix(prefix + "attn_output", hidden, hidden),
            norm(prefix + "ffn_norm", hidden),
            matrix(prefix + "ffn_gate", wide, hidden),
            matrix(prefix + "ffn_up", wide, hidden),
            norm(prefix + "ffn_sub_norm", wide),
            matrix(prefix + "ffn_down", hidden, wide),
        ]
    return tensors + [norm("output_norm", hidden)]


def random_ternary_blocks(random, kind, count, scale):
    """`count` encoded blocks of TQ1_0 or TQ2_0, drawn in their packed form,
    which is many times faster than encoding drawn floats."""
    scale_bytes = np.full((count, 1), scale, "<f2").view(np.uint8)
    if kind == "tq2_0":
        # Every byte of four codes 0..2.
        codes = np.arange(81)
        table = sum((codes // 3**lane % 3) << (2 * lane) for lane in range(4))
        digits = random.integers(0, 81, (count, 64), np.uint8)
        return np.hstack([table.astype(np.uint8)[digits], scale_bytes])
    # Bytes of five digits, then of four in the upper places.
    table = ((np.arange(243) * 256 + 242) // 243).astype(np.uint8)
    five = table[random.integers(0, 243, (count, 48), np.uint8)]
    four = table[random.integers(0, 81, (count, 4), np.uint8) * 3]
    return np.hstack([five, four, scale_bytes])


def random_chunk(random, name, extents, kind, count):
    """`count` encoded values of tensor `name`. Ternary scales keep the variance
    of the input; norm weights are one, so that activations stay near one."""
    if len(extents) == 1:
        return CODECS[kind].encode(np.ones(count, np.float32))
    if name == "token_embd.weight":
        values = random.standard_normal(count, np.float32)
        return CODECS[kind].encode(values / math.sqrt(extents[1]))
    scale = np.float16(math.sqrt(1.5 / extents[1]))
    codec = CODECS[kind]
    if kind.startswith("tq"):
        return random_ternary_blocks(random, kind, count // codec.block, scale)
    trits = random.integers(-1, 2, count, np.int8)
    return codec.encode(trits * np.float32(scale))


def write_model(path, name, model, kind, seed):
    """Stream the model to `path`; prints which matrices could not be `kind`."""
    tensors = tensor_list(model, kind)
    odd = sorted(
        {
            extents[1]
            for _, extents, _ in tensors
            if len(extents) == 2 and extents[1] % CODECS[kind].block
        }
    )
    if odd:
        lengths = ", ".join(map(str, odd))
        print(
            f"matrices with rows of {lengths} are written as f16: "
            f"{kind} needs multiples of 256"
        )
    metadata = model_metadata(name, model, context_length=2048)
    writer = StreamWriter(path, metadata, tensors)
    random = np.random.Generator(np.random.PCG64(seed))
    for tensor, extents, stored in tensors:
        remaining = math.prod(extents)
        while remaining:
            count = min(remaining, CHUNK)
            writer.append(random_chunk(random, tensor, extents, stored, count))
            remaining -= count
    writer.close()


def parameter_count(model):
    """Values in all tensors."""
    return sum(
        math.prod(extents) for _, extents, _ in tensor_list(model, "f16")
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shape", nargs="?", choices=SHAPES, metavar="SHAPE")
    parser.add_argument("-o", "--output")
    parser.add_argument(
        "--type", choices=("tq2_0", "tq1_0", "f16", "f32"), default="tq2_0"
    )
    parser.add_argument("--layers", type=int, help="instead of the shape's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="list the shapes")
    args = parser.parse_args()
    if args.list:
        for name, model in SHAPES.items():
            print(
                f"{name:20} hidden {model.hidden:5} ffn {model.feed_forward:6}"
                f" layers {model.layers:3} heads {model.heads}/{model.kv_heads}"
                f" parameters {parameter_count(model) / 1e6:.0f}M"
            )
        return
    if not args.shape or not args.output:
        parser.error("a SHAPE and -o FILE are needed")
    model = SHAPES[args.shape]
    if args.layers is not None:
        if args.layers < 1:
            parser.error(f"expected at least one layer, got {args.layers}")
        model.layers = args.layers
    write_model(
        args.output, f"random {args.shape}", model, args.type, args.seed
    )


if __name__ == "__main__":
    main()
