#!/usr/bin/env python3
# ===- make_model.py - Small random models of every variant ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random ternary models in GGUF, one named variant for each property that the
# importer must understand. Compiled programs are compared on them with
# reference.py.
# ===----------------------------------------------------------------------=== #
"""Write a small random ternary model.

  make_model.py VARIANT -o MODEL.gguf [--seed N]
  make_model.py VARIANT -o MODEL-00001-of-00003.gguf --parts 3
  make_model.py --list

The same variant and seed give the same bytes everywhere: only the frozen
uniform generator of NumPy is used.
"""

import argparse
import dataclasses
import math

import numpy as np

import gguf
from byte_vocabulary import byte_pair_metadata
from spm_vocabulary import tokenizer_metadata


@dataclasses.dataclass
class Variant:
    """Shape and storage of a model. `scales` is "tensor", "row" or a group
    length along K; `separate_scales` moves them into `.scale` tensors, and
    `row_factors` puts another factor of each row there. `divisors` are tensors
    of rotary divisors, `keys` more metadata of the architecture, and `pre` how
    a byte-pair vocabulary, if it has one, splits text."""

    note: str
    arch: str = "bitnet"
    hidden: int = 64
    feed_forward: int = 160
    heads: int = 4
    kv_heads: int = 4
    layers: int = 2
    vocabulary: int = 301
    epsilon: float = 1e-5
    theta: float = 10000.0
    sub_norms: bool = True
    tied: bool = True
    scales: object = "tensor"
    matrix_type: str = "f32"
    embedding_type: str = "f32"
    latent: bool = False
    separate_scales: bool = False
    row_factors: bool = False
    head_dim: int = 0  # 0: hidden / heads
    head_norms: bool = False
    divisors: tuple = ()
    keys: dict = dataclasses.field(default_factory=dict)
    pre: str = ""

    def __post_init__(self):
        self.head_dim = self.head_dim or self.hidden // self.heads


VARIANTS = {
    "qwen3": Variant(
        "qwen3: norms of heads, byte-pair vocabulary, YaRN",
        "qwen3",
        kv_heads=2,
        sub_norms=False,
        head_dim=24,
        head_norms=True,
        keys={
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 64,
            "rope.scaling.yarn_beta_fast": 8.0,
            "rope.scaling.attn_factor": 1.1,
        },
        pre="qwen2",
    ),
    "minicpm": Variant(
        "minicpm: scaled embeddings, residuals and logits, longrope",
        "minicpm",
        kv_heads=2,
        sub_norms=False,
        divisors=("rope_factors_short", "rope_factors_long"),
        keys={
            "embedding_scale": 12.0,
            "residual_scale": 0.9,
            "logit_scale": 2.5,
            "rope.scaling.type": "longrope",
            "rope.scaling.original_context_length": 256,
        },
    ),
    "rope-divisors": Variant(
        "llama: rotary frequencies divided one by one, as Llama 3's",
        "llama",
        kv_heads=2,
        sub_norms=False,
        divisors=("rope_freqs",),
        pre="llama-bpe",
    ),
    "base": Variant("bitnet: SiLU, sub-norms, tied head, trits held as F32"),
    "relu2": Variant("bitnet-b1.58: squared ReLU", "bitnet-b1.58", theta=5e5),
    "relu2-25": Variant("bitnet-25: squared ReLU", "bitnet-25"),
    "gqa": Variant("two query heads share a key and value head", kv_heads=2),
    "no-sub-norms": Variant(
        "llama: no sub-norms, interleaved RoPE, other epsilon",
        "llama",
        kv_heads=2,
        epsilon=1e-6,
        theta=1000042.0,
        sub_norms=False,
        tied=False,
    ),
    "untied": Variant("head apart from the embedding", tied=False),
    "row-scales": Variant("a scale per row", scales="row"),
    "group-scales-64": Variant(
        "a scale per 64 weights", feed_forward=192, scales=64
    ),
    "group-scales-128": Variant(
        "a scale per 128 weights", hidden=128, feed_forward=256, scales=128
    ),
    "separate-scales": Variant(
        "trits held as -1, 0, 1 with the scale in its own tensor",
        separate_scales=True,
    ),
    "row-factors": Variant(
        "a scale per 64 weights, interleaved RoPE, and a factor for each row "
        "in a tensor of its own",
        "llama",
        kv_heads=2,
        feed_forward=192,
        sub_norms=False,
        scales=64,
        row_factors=True,
    ),
    "latent-row-factors": Variant(
        "latent weights, and a factor for each row in a tensor of its own",
        latent=True,
        row_factors=True,
    ),
    "head-dim-48": Variant(
        "head_dim 48", hidden=144, feed_forward=256, heads=3, kv_heads=3
    ),
    "head-dim-100": Variant(
        "head_dim 100", hidden=200, feed_forward=340, heads=2, kv_heads=2
    ),
    "head-dim-apart": Variant(
        "heads of 40, which are not hidden / heads", hidden=100,
        feed_forward=160, heads=4, kv_heads=2, head_dim=40
    ),
    "odd-sizes": Variant(
        "K of 100 and 341: multiples of no vector length",
        hidden=100,
        feed_forward=341,
        heads=5,
        kv_heads=1,
        vocabulary=307,
    ),
    "tq1_0": Variant(
        "matrices in TQ1_0",
        hidden=256,
        feed_forward=512,
        matrix_type="tq1_0",
        embedding_type="f16",
    ),
    "tq2_0": Variant(
        "matrices in TQ2_0",
        hidden=256,
        feed_forward=512,
        matrix_type="tq2_0",
        embedding_type="f16",
    ),
    "tq2_0-group-scales": Variant(
        "matrices in TQ2_0 whose blocks differ in scale",
        hidden=256,
        feed_forward=512,
        scales=256,
        matrix_type="tq2_0",
        embedding_type="f16",
    ),
    "f16": Variant(
        "trits and embedding held as F16",
        matrix_type="f16",
        embedding_type="f16",
    ),
    "bf16": Variant(
        "trits and embedding held as BF16",
        matrix_type="bf16",
        embedding_type="bf16",
    ),
    "q2_0-64": Variant(
        "matrices in Q2_0, blocks of 64 whose scales differ",
        hidden=256,
        feed_forward=320,
        layers=1,
        scales=64,
        matrix_type="q2_0-64",
        embedding_type="q6_k",
    ),
    "q2_0-128": Variant(
        "matrices in Q2_0, blocks of 128 whose scales differ",
        hidden=256,
        feed_forward=384,
        layers=1,
        scales=128,
        matrix_type="q2_0-128",
        embedding_type="q4_k",
    ),
    "ptq1_0": Variant(
        "matrices in PTQ1_0",
        hidden=256,
        feed_forward=384,
        layers=1,
        scales="row",
        matrix_type="ptq1_0",
        embedding_type="q5_k",
    ),
    "stq1_0": Variant(
        "matrices in STQ1_0",
        hidden=256,
        feed_forward=512,
        layers=1,
        matrix_type="stq1_0",
        embedding_type="q4_0",
    ),
    "i2_s": Variant(
        "matrices in I2_S, whose blocks cross rows",
        hidden=96,
        feed_forward=160,
        layers=1,
        matrix_type="i2_s",
    ),
    "i2_s-arm": Variant(
        "the model of i2_s as a build for Arm writes it",
        hidden=96,
        feed_forward=160,
        layers=1,
        matrix_type="i2_s-arm",
    ),
    "q8_0-embedding": Variant(
        "embedding and head in Q8_0", tied=False, embedding_type="q8_0"
    ),
    "latent": Variant(
        "floats that are not ternary: needs absmean", latent=True
    ),
}


def uniform(random, shape, deviation, mean=0.0):
    """Uniform float32 values of the given standard deviation and mean."""
    spread = deviation * math.sqrt(3)
    values = mean + spread * (2 * random.random_sample(shape) - 1)
    return values.astype(np.float32)


def ternary_matrix(random, rows, columns, scales):
    """Random (trits, scales), both [rows, columns] float32. The product keeps
    the variance of its input; scales spread by half around that where there
    are several. The first 256 weights are zero, as a whole TQ block may be."""
    trits = random.randint(-1, 2, (rows, columns)).astype(np.float32)
    trits.reshape(-1)[:256] = 0
    length = {"tensor": rows * columns, "row": columns}.get(scales, scales)
    count = rows * columns // length
    unit = math.sqrt(1.5 / columns)
    spread = 0 if count == 1 else 0.3
    scale = uniform(random, (count, 1), spread * unit, unit)
    return trits, np.repeat(scale, length, axis=1).reshape(rows, columns)


def leave_one_zero(random, values, scale):
    """Make trits times scales such that one of four weights 16 apart is zero,
    but for blocks of zeros: what STQ1_0 can hold."""
    lanes = values.reshape(-1, 4, 4, 16)
    filled = np.where(lanes == 0, scale.reshape(lanes.shape), lanes)
    zero = random.randint(0, 4, (len(lanes), 4, 1, 16))
    filled[np.arange(4).reshape(1, 1, 4, 1) == zero] = 0
    filled[(lanes == 0).all(axis=(1, 2, 3))] = 0
    return filled.reshape(values.shape)


def latent_matrix(random, rows, columns):
    """Random floats for absmean, none so near a rounding boundary that the
    precision of the mean could decide its trit."""
    values = uniform(random, (rows, columns), 1 / math.sqrt(columns))
    mean = np.abs(values.astype(np.float64)).mean()
    near = np.abs(np.abs(values) / mean - 0.5) < 1e-3
    values[near] *= np.float32(1.01)
    return values


def add_linear(tensors, random, variant, stem, rows, columns):
    """Add the matrix `stem`.weight, and its .scale where the variant has it."""
    if variant.latent:
        values = latent_matrix(random, rows, columns)
    else:
        values, scale = ternary_matrix(random, rows, columns, variant.scales)
        if variant.separate_scales:
            tensors[f"{stem}.scale"] = (scale[0, :1], "f32")
        else:
            values = values * scale
        if variant.matrix_type == "stq1_0":
            values = leave_one_zero(random, values, scale)
    if variant.row_factors:
        tensors[f"{stem}.scale"] = (uniform(random, rows, 0.2, 1.0), "f32")
    tensors[f"{stem}.weight"] = (values, variant.matrix_type)


def make_tensors(variant, seed):
    """Tensors of a random model, as `gguf.write` takes them."""
    random = np.random.RandomState(seed)
    hidden, wide = variant.hidden, variant.feed_forward
    q, kv = (variant.head_dim * n for n in (variant.heads, variant.kv_heads))
    tensors = {}

    def norm(name, size):
        tensors[f"{name}.weight"] = (uniform(random, size, 0.2, 1.0), "f32")

    def linear(name, rows, columns):
        add_linear(tensors, random, variant, name, rows, columns)

    def embedding(name):
        shape = (variant.vocabulary, hidden)
        values = uniform(random, shape, 0.3)
        tensors[f"{name}.weight"] = (values, variant.embedding_type)

    embedding("token_embd")
    for layer in range(variant.layers):
        prefix = f"blk.{layer}."
        norm(prefix + "attn_norm", hidden)
        linear(prefix + "attn_q", q, hidden)
        linear(prefix + "attn_k", kv, hidden)
        linear(prefix + "attn_v", kv, hidden)
        if variant.head_norms:
            norm(prefix + "attn_q_norm", variant.head_dim)
            norm(prefix + "attn_k_norm", variant.head_dim)
        if variant.sub_norms:
            norm(prefix + "attn_sub_norm", q)
        linear(prefix + "attn_output", hidden, q)
        norm(prefix + "ffn_norm", hidden)
        linear(prefix + "ffn_gate", wide, hidden)
        linear(prefix + "ffn_up", wide, hidden)
        if variant.sub_norms:
            norm(prefix + "ffn_sub_norm", wide)
        linear(prefix + "ffn_down", hidden, wide)
    norm("output_norm", hidden)
    if not variant.tied:
        embedding("output")
    for name in variant.divisors:
        values = uniform(random, variant.head_dim // 2, 0.5, 2.0)
        tensors[f"{name}.weight"] = (values, "f32")
    return tensors


def model_metadata(name, variant, context_length=512):
    """GGUF metadata of a model of this shape, tokenizer included."""
    arch = variant.arch
    apart = {}
    if variant.head_dim * variant.heads != variant.hidden:
        apart = {
            f"{arch}.attention.{name}_length": variant.head_dim
            for name in ("key", "value")
        }
    return {
        "general.architecture": arch,
        "general.name": name,
        f"{arch}.vocab_size": variant.vocabulary,
        f"{arch}.context_length": context_length,
        f"{arch}.embedding_length": variant.hidden,
        f"{arch}.block_count": variant.layers,
        f"{arch}.feed_forward_length": variant.feed_forward,
        f"{arch}.attention.head_count": variant.heads,
        f"{arch}.attention.head_count_kv": variant.kv_heads,
        f"{arch}.rope.dimension_count": variant.head_dim,
        f"{arch}.rope.freq_base": variant.theta,
        f"{arch}.attention.layer_norm_rms_epsilon": variant.epsilon,
        **apart,
        **{f"{arch}.{key}": value for key, value in variant.keys.items()},
        **(
            byte_pair_metadata(variant.vocabulary, variant.pre)
            if variant.pre
            else tokenizer_metadata(variant.vocabulary)
        ),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "variant", nargs="?", choices=VARIANTS, metavar="VARIANT"
    )
    parser.add_argument("-o", "--output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=int, help="files to split it into")
    parser.add_argument("--list", action="store_true", help="list the variants")
    args = parser.parse_args()
    if args.list:
        for name, variant in VARIANTS.items():
            print(f"{name:20} {variant.note}")
        return
    if not args.variant or not args.output:
        parser.error("a VARIANT and -o FILE are needed")
    variant = VARIANTS[args.variant]
    metadata = model_metadata(f"random {args.variant}", variant)
    tensors = make_tensors(variant, args.seed)
    if args.parts:
        gguf.write_parts(args.output, metadata, tensors, args.parts)
    else:
        gguf.write(args.output, metadata, tensors)


if __name__ == "__main__":
    main()
