#!/usr/bin/env python3
# ===- refused_checkpoints.py - Checkpoints that are refused --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Changes one thing of a random checkpoint at a time and prints what the compiler
# says of it: one error that names the thing.
# ===----------------------------------------------------------------------=== #
"""Print the compiler's message for each of many unusable checkpoints.

  refused_checkpoints.py DIR
"""

import json
import os
import shutil
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "oracle"))
from make_checkpoint import Checkpoint, bfloat_bits  # noqa: E402

Q = "model.layers.1.self_attn.q_proj"
NORM = "model.layers.0.input_layernorm.weight"


def config(**changes):
    """Sets keys; those that are None are removed."""

    def change(checkpoint):
        for key, value in changes.items():
            if value is None:
                checkpoint.config.pop(key)
            else:
                checkpoint.config[key] = value

    return change


def quantization(**changes):
    def change(checkpoint):
        checkpoint.config["quantization_config"].update(changes)

    return change


def tensor(name, to):
    """Replaces the tensor by what `to` makes of (type, values); None removes
    it."""

    def change(checkpoint):
        made = to(*checkpoint.tensors.pop(name))
        if made:
            checkpoint.tensors[name] = made

    return change


def added(name, kind, values):
    def change(checkpoint):
        checkpoint.tensors[name] = (kind, values)

    return change


def code_three(kind, values):
    values = values.copy()
    values[0, 0] |= 3
    return kind, values


def with_nan(kind, values):
    values = values.copy()
    values.reshape(-1)[3] = bfloat_bits(np.array([np.nan]))[0]
    return kind, values


ROPE = {"rope_type": "llama3", "factor": 8.0}
# What it is called, family, change.
CASES = [
    ("class", "llama-dense", config(architectures=["GPT2LMHeadModel"])),
    ("no class", "llama-dense", config(architectures=None)),
    ("unknown key", "llama-dense", config(logit_cap=30)),
    ("bias", "llama-dense", config(attention_bias=True)),
    ("activation", "llama-dense", config(hidden_act="gelu")),
    ("missing size", "llama-dense", config(hidden_size=None)),
    ("size of text", "llama-dense", config(hidden_size="64")),
    ("large size", "llama-dense", config(num_hidden_layers=10**30)),
    ("heads", "llama-dense", config(num_attention_heads=3)),
    ("epsilon", "llama-dense", config(rms_norm_eps=0)),
    ("vocabulary", "llama-dense", config(vocab_size=276)),
    ("rope type", "llama-dense", config(rope_scaling={"type": "dynamic"})),
    ("rope key", "llama-dense", config(rope_scaling=ROPE)),
    ("dropout", "llama-dense", config(attention_dropout=0.1)),
    ("tied with head", "llama-dense", config(tie_word_embeddings=True)),
    ("untied", "qwen3-dense", config(tie_word_embeddings=False)),
    ("window", "qwen3-window", config(sliding_window=None)),
    ("layer type", "qwen3-window", config(layer_types=["mamba", "mamba"])),
    ("scale of MiniCPM", "minicpm", config(scale_depth=None)),
    ("latent", "minicpm", config()),
    ("factors", "minicpm", config(rope_scaling={
        "rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0],
    })),
    ("method", "llama-bitlinear", quantization(quant_method="gptq")),
    ("converted", "llama-bitlinear",
     quantization(modules_to_not_convert=["q_proj"])),
    ("quantization key", "llama-bitlinear", quantization(bits=8)),
    ("no convention", "llama-bitlinear", config(quantization_config=None)),
    ("code 3", "llama-bitlinear", tensor(f"{Q}.weight", code_three)),
    ("NaN", "llama-bitlinear", tensor(NORM, with_nan)),
    ("missing norm", "llama-bitlinear", tensor(NORM, lambda k, v: None)),
    ("shape", "llama-bitlinear", tensor(NORM, lambda k, v: (k, v[:-1]))),
    ("type", "llama-bitlinear",
     tensor(NORM, lambda k, v: ("I16", v.astype(np.int16)))),
    ("scales", "llama-bitlinear",
     tensor(f"{Q}.weight_scale", lambda k, v: (k, np.repeat(v, 3)))),
    ("zero scale", "llama-bitlinear",
     tensor(f"{Q}.weight_scale", lambda k, v: (k, v * 0))),
    ("scalar scale", "llama-bitlinear",
     tensor(f"{Q}.weight_scale",
            lambda k, v: (k, (v * 0 + 0x7F80).astype(v.dtype).reshape(())))),
    ("unused", "llama-bitlinear", added(
        f"{Q}.bias", "F32", np.zeros(96, np.float32))),
    ("layer", "llama-bitlinear", added(
        "model.layers.01.mlp.up_proj.weight", "F32",
        np.zeros((4, 4), np.float32))),
    ("MLX code 3", "qwen3-mlx", tensor(f"{Q}.weight", code_three)),
    ("MLX bias", "qwen3-mlx",
     tensor(f"{Q}.biases", lambda k, v: (k, v + np.float16(1)))),
    ("MLX scales", "qwen3-mlx",
     tensor(f"{Q}.scales", lambda k, v: None)),
    ("MLX bits", "qwen3-mlx", config(
        quantization={"group_size": 64, "bits": 4},
        quantization_config={"group_size": 64, "bits": 4})),
    ("MLX group", "qwen3-mlx", config(
        quantization={"group_size": 32, "bits": 2},
        quantization_config=None)),
    ("MLX without", "qwen3-mlx", config(
        quantization=None, quantization_config=None)),
]  # fmt: skip
# What it is called, file, keys that are set in it.
FILES = [
    ("EOS", "tokenizer_config.json", {"add_eos_token": True}),
    ("no BOS", "tokenizer_config.json", {"bos_token": "<nowhere>"}),
    ("ends", "generation_config.json", {"eos_token_id": -1}),
    ("end beyond", "generation_config.json", {"eos_token_id": [277]}),
    ("flag", "tokenizer_config.json", {
        "added_tokens_decoder": {"276": {"content": "<x>", "special": 1}},
    }),
    ("normalizer", "tokenizer.json", {"normalizer": {"type": "Nmt"}}),
]  # fmt: skip


def message(folder):
    """What the compiler says, less the folder's name."""
    result = subprocess.run(
        ["sterna-compile", folder, "-o", os.path.join(folder, "out.stn")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors = [x for x in result.stderr.splitlines() if "error: " in x]
    if result.returncode != 1 or len(errors) != 1:
        sys.exit(f"error: not one error of {folder}: {result.stderr}")
    return errors[0].split("error: ", 1)[1].replace(folder, "MODEL")


def main():
    root = sys.argv[1]
    for name, family, change in CASES:
        checkpoint = Checkpoint(family)
        change(checkpoint)
        folder = os.path.join(root, name.replace(" ", "-"))
        checkpoint.write(folder)
        print(f"{name}: {message(folder)}")
    for name, file, changes in FILES:
        folder = os.path.join(root, name.replace(" ", "-"))
        Checkpoint("llama-dense").write(folder)
        path = os.path.join(folder, file)
        with open(path) as stream:
            value = json.load(stream)
        with open(path, "w") as stream:
            json.dump(value | changes, stream)
        print(f"{name}: {message(folder)}")
    folder = os.path.join(root, "files")
    Checkpoint("llama-dense").write(folder)
    for name, text in (
        ("tokenizer.json", "{"),
        ("model.safetensors", "12345678"),
        ("config.json", "[]"),
    ):
        path = os.path.join(folder, name)
        shutil.copy(path, path + ".kept")
        with open(path, "w") as file:
            file.write(text)
        print(f"damaged {name}: {message(folder)}")
        os.remove(path)
        print(f"no {name}: {message(folder)}")
        os.rename(path + ".kept", path)


main()
