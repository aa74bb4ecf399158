#!/usr/bin/env python3
# ===- make_checkpoint.py - Small random checkpoints of every family ------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random models as transformers and MLX publish them, one for each way that the
# importer must understand. checkpoint_golden.py says what transformers computes
# with them.
# ===----------------------------------------------------------------------=== #
"""Write a small random checkpoint.

  make_checkpoint.py FAMILY -o DIR [--adapter DIR]
  make_checkpoint.py --list

The same family gives the same bytes everywhere: only the frozen uniform
generator of NumPy is used. --adapter also writes a LoRA adapter for it.
"""

import argparse
import copy
import json
import math
import os

import numpy as np

from adapter import LINEARS, write_adapter
from byte_vocabulary import tokenizer_files
from make_adapter import matrices_of
from make_model import latent_matrix, ternary_matrix, uniform

RANK, ALPHA = 4, 8
LAYERS, VOCABULARY = 2, 277
# Of the dimensions that every family shares; see FAMILIES for the others.
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "initializer_range": 0.02,
    "torch_dtype": "float32",
}
BITNET = {"quant_method": "bitnet"}

# Name to (note, class, configuration, storage of the linears).
FAMILIES = {
    "bitnet-offline": (
        "packed, scales multiply; squared ReLU, sub-norms, tied head",
        "BitNetForCausalLM",
        {
            "hidden_act": "relu2",
            "rope_theta": 500000.0,
            "tie_word_embeddings": True,
            "quantization_config": {
                **BITNET,
                "linear_class": "autobitlinear",
                "quantization_mode": "offline",
            },
        },
        "packed",
    ),
    "bitnet-online": (
        "latent BF16, ternary in each forward pass",
        "BitNetForCausalLM",
        {
            "hidden_act": "relu2",
            "tie_word_embeddings": True,
            "quantization_config": {
                **BITNET,
                "linear_class": "autobitlinear",
                "quantization_mode": "online",
            },
        },
        "latent",
    ),
    "llama-bitlinear": (
        "packed, scales divide; heads that are not hidden / heads",
        "LlamaForCausalLM",
        {
            "head_dim": 24,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1000042.0,
            "rope_scaling": None,
            "attention_bias": False,
            "mlp_bias": False,
            "pretraining_tp": 1,
            "quantization_config": {
                **BITNET,
                "modules_to_not_convert": ["lm_head"],
            },
        },
        "packed",
    ),
    "llama-rms-norm": (
        "a norm in each linear, which the adapter's branch goes around",
        "LlamaForCausalLM",
        {
            "quantization_config": {
                **BITNET,
                "linear_class": "autobitlinear",
                "quantization_mode": "offline",
                "use_rms_norm": True,
                "rms_norm_eps": 1e-4,
            },
        },
        "packed",
    ),
    "llama-dense": (
        "ternary F16, a scale for each row; Llama 3's rotary scaling",
        "LlamaForCausalLM",
        {
            "max_position_embeddings": 64,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        },
        "dense-f16",
    ),
    "qwen3-dense": (
        "ternary BF16 in groups of 64, norms of heads, YaRN, tied head",
        "Qwen3ForCausalLM",
        {
            "intermediate_size": 192,
            "head_dim": 24,
            "tie_word_embeddings": True,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 128,
                "beta_fast": 8.0,
                "beta_slow": 1.0,
            },
            "sliding_window": None,
            "max_window_layers": 2,
            "use_sliding_window": False,
        },
        "dense-bf16",
    ),
    "qwen3-window": (
        "the second layer sees seven columns",
        "Qwen3ForCausalLM",
        {
            "intermediate_size": 192,
            "head_dim": 16,
            "sliding_window": 7,
            "max_window_layers": 1,
            "use_sliding_window": True,
        },
        "dense-bf16",
    ),
    "qwen3-mlx": (
        "MLX's packing of 2 bits in groups of 64, the embedding too",
        "Qwen3ForCausalLM",
        {
            "intermediate_size": 192,
            "head_dim": 16,
            "tie_word_embeddings": True,
            "quantization": {"group_size": 64, "bits": 2, "mode": "affine"},
            "quantization_config": {
                "group_size": 64,
                "bits": 2,
                "mode": "affine",
            },
        },
        "mlx",
    ),
    "minicpm": (
        "latent BF16 for --quantize; scaled embeddings, residuals, logits",
        "MiniCPMForCausalLM",
        {
            "scale_emb": 12,
            "scale_depth": 1.4,
            "dim_model_base": 32,
            "rope_scaling": {
                "rope_type": "longrope",
                "short_factor": [1.0, 1.1, 1.3, 1.5, 2.0, 2.5, 3.0, 4.0],
                "long_factor": [1.0, 1.1, 1.3, 1.5, 2.0, 2.5, 3.0, 4.0],
                "original_max_position_embeddings": 512,
            },
        },
        "latent",
    ),
}


def bfloat_bits(values):
    """The upper half of float32 values, which must lose nothing else."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return (bits >> 16).astype(np.uint16)


def round_to_bfloat(values):
    """The nearest values that BF16 has, ties to even, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def pack_rows(trits):
    """transformers' packing: four rows, a quarter of the matrix apart, to a
    byte, the first in the low bits."""
    quarters = (trits + 1).astype(np.uint8).reshape(4, -1, trits.shape[1])
    return sum(quarters[i] << (2 * i) for i in range(4)).astype(np.uint8)


def pack_words(trits):
    """MLX's packing: 16 columns to a word of 32 bits, the first lowest."""
    codes = (trits + 1).astype(np.uint32).reshape(trits.shape[0], -1, 16)
    shifts = np.arange(16, dtype=np.uint32) * 2
    return (codes << shifts).sum(axis=2, dtype=np.uint32)


def write_tensors(path, tensors):
    """Write a safetensors file of name to (type of the format, array)."""
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        kind, values = tensors[name]
        blobs.append(np.ascontiguousarray(values).tobytes())
        header[name] = {
            "dtype": kind,
            "shape": list(values.shape),
            "data_offsets": [offset, offset + len(blobs[-1])],
        }
        offset += len(blobs[-1])
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def head_width(config):
    """Elements of a head."""
    width = config["hidden_size"] // config["num_attention_heads"]
    return config.get("head_dim", width)


def linear_shapes(config):
    """Linear (of LINEARS) to [rows, columns]."""
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    width = head_width(config)
    heads = config["num_attention_heads"] * width
    kv = config["num_key_value_heads"] * width
    return {
        "attn_q": (heads, hidden),
        "attn_k": (kv, hidden),
        "attn_v": (kv, hidden),
        "attn_output": (hidden, heads),
        "ffn_gate": (wide, hidden),
        "ffn_up": (wide, hidden),
        "ffn_down": (hidden, wide),
    }


def norm_sizes(config):
    """Norm of a layer to its size."""
    hidden, width = config["hidden_size"], head_width(config)
    norms = {"input_layernorm": hidden, "post_attention_layernorm": hidden}
    if config["architectures"] == ["BitNetForCausalLM"]:
        heads = config["num_attention_heads"] * width
        norms["self_attn.attn_sub_norm"] = heads
        norms["mlp.ffn_sub_norm"] = config["intermediate_size"]
    if config["architectures"] == ["Qwen3ForCausalLM"]:
        norms["self_attn.q_norm"] = norms["self_attn.k_norm"] = width
    return norms


class Checkpoint:
    """The tensors of a family, as they are stored."""

    def __init__(self, family, seed=1):
        _, self.model_class, changes, self.storage = FAMILIES[family]
        self.config = {
            **SIZES,
            **copy.deepcopy(changes),
            "architectures": [self.model_class],
            "model_type": self.model_class.removesuffix("ForCausalLM").lower(),
        }
        self.random = np.random.RandomState(seed)
        self.tensors = {}
        self._fill()

    def _norm(self, name, size):
        values = round_to_bfloat(uniform(self.random, size, 0.2, 1.0))
        self.tensors[f"{name}.weight"] = ("BF16", bfloat_bits(values))

    def _table(self, name):
        rows, hidden = VOCABULARY, self.config["hidden_size"]
        if self.storage == "mlx":
            self._linear(name, rows, hidden, 64)
            return
        values = round_to_bfloat(uniform(self.random, (rows, hidden), 0.3))
        self.tensors[f"{name}.weight"] = ("BF16", bfloat_bits(values))

    def _linear(self, name, rows, columns, group):
        weight = f"{name}.weight"
        if self.storage == "latent":
            values = latent_matrix(self.random, rows, columns)
            self.tensors[weight] = (
                "BF16",
                bfloat_bits(round_to_bfloat(values)),
            )
            return
        scales = {"packed": "tensor", "dense-f16": "row"}.get(
            self.storage, math.gcd(group, columns)
        )
        trits, scale = ternary_matrix(self.random, rows, columns, scales)
        if self.storage == "packed":
            used = scale[0, 0]
            if "linear_class" not in self.config["quantization_config"]:
                used = 1 / used
            used = round_to_bfloat(np.array([used]))
            self.tensors[f"{name}.weight_scale"] = ("BF16", bfloat_bits(used))
            self.tensors[weight] = ("U8", pack_rows(trits))
        elif self.storage == "mlx":
            scale = scale[:, ::group].astype(np.float16)
            self.tensors[weight] = ("U32", pack_words(trits))
            self.tensors[f"{name}.scales"] = ("F16", scale)
            self.tensors[f"{name}.biases"] = ("F16", -scale)
        elif self.storage == "dense-f16":
            self.tensors[weight] = ("F16", (trits * scale).astype(np.float16))
        else:
            values = trits * round_to_bfloat(scale)
            self.tensors[weight] = ("BF16", bfloat_bits(values))

    def _fill(self):
        config, shapes = self.config, linear_shapes(self.config)
        in_linears = config.get("quantization_config", {}).get("use_rms_norm")
        self._table("model.embed_tokens")
        for layer in range(LAYERS):
            prefix = f"model.layers.{layer}."
            for linear, (rows, columns) in shapes.items():
                self._linear(prefix + LINEARS[linear], rows, columns, 64)
                if in_linears:
                    self._norm(f"{prefix}{LINEARS[linear]}.rms_norm", columns)
            for norm, size in norm_sizes(config).items():
                self._norm(prefix + norm, size)
        self._norm("model.norm", config["hidden_size"])
        if not config["tie_word_embeddings"]:
            self._table("lm_head")

    def write(self, directory):
        os.makedirs(directory, exist_ok=True)
        files = {
            "config.json": self.config,
            **tokenizer_files(VOCABULARY),
        }
        for name, value in files.items():
            with open(os.path.join(directory, name), "w") as file:
                json.dump(value, file, indent=2, ensure_ascii=False)
                file.write("\n")
        write_tensors(
            os.path.join(directory, "model.safetensors"), self.tensors
        )

    def adapter_matrices(self):
        """Random A and B of every linear, by PEFT name, both non-zero."""
        shapes = linear_shapes(self.config)
        return matrices_of(
            lambda _, linear: shapes[linear], LAYERS, RANK, seed=2
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "family", nargs="?", choices=FAMILIES, metavar="FAMILY"
    )
    parser.add_argument("-o", "--output")
    parser.add_argument("--adapter")
    parser.add_argument("--list", action="store_true", help="list the families")
    args = parser.parse_args()
    if args.list:
        for name, family in FAMILIES.items():
            print(f"{name:16} {family[0]}")
        return
    if not args.family or not args.output:
        parser.error("a FAMILY and -o DIR are needed")
    checkpoint = Checkpoint(args.family)
    checkpoint.write(args.output)
    if args.adapter:
        write_adapter(
            args.adapter, checkpoint.adapter_matrices(), RANK, ALPHA
        )


if __name__ == "__main__":
    main()
