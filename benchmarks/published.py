#!/usr/bin/env python3
# ===- published.py - What published models need --------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Stands in for models of many gigabytes: checkpoints of their shapes, packed as
# they are published, with weights of no meaning. What the compiler plans, and
# how fast it is, does not depend on the values.
# ===----------------------------------------------------------------------=== #
"""Write checkpoints of published shapes, and the table of docs/models.md.

  published.py --list
  published.py microsoft/bitnet-b1.58-2B-4T -o FOLDER [--random]
  published.py --table --sterna=build/bin

Matrices are holes in the file, which take no disk, unless --random fills them.
The table compiles each model, one after the other, for this machine, and asks
sterna-run what a session allocates; it takes minutes, and up to 6 GB of disk.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

_TEST = pathlib.Path(__file__).resolve().parent.parent / "test"
sys.path.insert(0, str(_TEST / "oracle"))

from adapter import LINEARS  # noqa: E402
from byte_vocabulary import tokenizer_files  # noqa: E402
from make_checkpoint import (  # noqa: E402
    bfloat_bits,
    linear_shapes,
    norm_sizes,
)

BYTES = {"U8": 1, "U32": 4, "BF16": 2, "F16": 2}
# Bytes written at a time.
CHUNK = 1 << 24


def config(model_class, hidden, wide, layers, heads, kv, vocabulary, **other):
    """A config.json; `other` are further keys."""
    return {
        "architectures": [model_class],
        "model_type": model_class.removesuffix("ForCausalLM").lower(),
        "hidden_size": hidden,
        "intermediate_size": wide,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        **other,
    }


def falcon3(*sizes):
    return config(
        "LlamaForCausalLM",
        *sizes,
        131072,
        head_dim=256,
        rope_theta=1000042,
        rms_norm_eps=1e-6,
        max_position_embeddings=8192,
        quantization_config={"quant_method": "bitnet"},
    )


def bonsai(*sizes, tied):
    return config(
        "Qwen3ForCausalLM",
        *sizes,
        151936,
        head_dim=128,
        rope_theta=1e6,
        rms_norm_eps=1e-6,
        max_position_embeddings=32768,
        tie_word_embeddings=tied,
        quantization={"bits": 2, "group_size": 128},
    )


# Repository to config.json.
MODELS = {
    "microsoft/bitnet-b1.58-2B-4T": config(
        *("BitNetForCausalLM", 2560, 6912, 30, 20, 5, 128256),
        rope_theta=5e5,
        hidden_act="relu2",
        tie_word_embeddings=True,
        quantization_config={
            "quant_method": "bitnet",
            "linear_class": "autobitlinear",
            "quantization_mode": "offline",
        },
    ),
    "tiiuae/Falcon3-1B-Instruct-1.58bit": falcon3(2048, 8192, 18, 8, 4),
    "tiiuae/Falcon3-7B-Instruct-1.58bit": falcon3(3072, 23040, 28, 12, 4),
    "tiiuae/Falcon3-10B-Instruct-1.58bit": falcon3(3072, 23040, 40, 12, 4),
    "HF1BitLLM/Llama3-8B-1.58-100B-tokens": config(
        *("LlamaForCausalLM", 4096, 14336, 32, 32, 8, 128256),
        rope_theta=5e5,
        max_position_embeddings=8192,
        quantization_config={"quant_method": "bitnet"},
    ),
    "prism-ml/Ternary-Bonsai-1.7B-mlx-2bit": bonsai(
        *(2048, 6144, 28, 16, 8), tied=True
    ),
    "prism-ml/Ternary-Bonsai-4B-mlx-2bit": bonsai(
        *(2560, 9728, 36, 32, 8), tied=True
    ),
    "prism-ml/Ternary-Bonsai-8B-mlx-2bit": bonsai(
        *(4096, 12288, 36, 32, 8), tied=False
    ),
    "SpectraSuite/TriLM_99M_Unpacked": config(
        *("LlamaForCausalLM", 512, 1280, 16, 8, 8, 50304),
        rope_theta=1e4,
        max_position_embeddings=2048,
    ),
}

# Published as latent floats in a class of their own, and converted to GGUF by
# llama.cpp: repository to the shape of ladder.py.
CONVERTED = {
    "1bitLLM/bitnet_b1_58-large": "bitnet_b1_58-large",
    "1bitLLM/bitnet_b1_58-xl": "bitnet_b1_58-xl",
    "1bitLLM/bitnet_b1_58-3B": "bitnet_b1_58-3B",
}


class Shapes:
    """Name to (type, shape) of every tensor of a model, in file order."""

    def __init__(self, model):
        self.model = model
        self.group = model.get("quantization", {}).get("group_size")
        self.packed = "quantization_config" in model
        self.tensors = {}
        self._fill()

    def _norm(self, name, size):
        self.tensors[f"{name}.weight"] = ("BF16", (size,))

    def _matrix(self, name, rows, columns, is_table=False):
        weight = f"{name}.weight"
        if self.group:
            groups = (rows, columns // self.group)
            self.tensors[weight] = ("U32", (rows, columns // 16))
            self.tensors[f"{name}.scales"] = ("F16", groups)
            self.tensors[f"{name}.biases"] = ("F16", groups)
        elif self.packed and not is_table:
            self.tensors[weight] = ("U8", (rows // 4, columns))
            self.tensors[f"{name}.weight_scale"] = ("BF16", (1,))
        else:
            self.tensors[weight] = ("BF16", (rows, columns))

    def _fill(self):
        model = self.model
        vocabulary = (model["vocab_size"], model["hidden_size"])
        self._matrix("model.embed_tokens", *vocabulary, is_table=True)
        for layer in range(model["num_hidden_layers"]):
            for linear, shape in linear_shapes(model).items():
                self._matrix(f"model.layers.{layer}.{LINEARS[linear]}", *shape)
            for norm, size in norm_sizes(model).items():
                self._norm(f"model.layers.{layer}.{norm}", size)
        self._norm("model.norm", model["hidden_size"])
        if not model["tie_word_embeddings"]:
            self._matrix("lm_head", *vocabulary, is_table=True)

    def bytes_of(self, name):
        kind, shape = self.tensors[name]
        return math.prod(shape) * BYTES[kind]

    def values(self, random, name, count):
        """`count` elements of a tensor: norms of one, ternary matrices that
        keep the variance of their input, small embeddings."""
        kind, shape = self.tensors[name]
        scale = 0.03125
        if kind == "U8" or kind == "U32":
            # Every byte of four codes 0..2.
            codes = np.arange(81)
            table = sum((codes // 3**i % 3) << (2 * i) for i in range(4))
            digits = random.integers(0, 81, count * BYTES[kind], np.uint8)
            return table.astype(np.uint8)[digits]
        if kind == "F16":
            sign = -1 if name.endswith("biases") else 1
            return np.full(count, sign * scale, np.float16)
        if len(shape) == 1 and name.endswith("weight_scale"):
            divides = "linear_class" not in self.model["quantization_config"]
            return bfloat_bits(np.full(1, 1 / scale if divides else scale))
        if len(shape) == 1:
            return bfloat_bits(np.ones(count))
        return bfloat_bits(random.integers(-1, 2, count, np.int8) * scale)

    def is_hole(self, name):
        """Whether zero bytes are valid: trits and embeddings, but not floats of
        which the compiler finds out that they are ternary."""
        kind, _ = self.tensors[name]
        is_table = "embed_tokens" in name or name.startswith("lm_head")
        return kind in ("U8", "U32") or (kind == "BF16" and is_table)

    def write(self, path, fill, seed=1):
        """Write a safetensors file; matrices are holes unless `fill`."""
        header, offset = {"__metadata__": {"format": "pt"}}, 0
        for name, (kind, shape) in self.tensors.items():
            end = offset + self.bytes_of(name)
            header[name] = {
                "dtype": kind,
                "shape": shape,
                "data_offsets": [offset, end],
            }
            offset = end
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        random = np.random.Generator(np.random.PCG64(seed))
        with open(path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name, (_, shape) in self.tensors.items():
                if not fill and self.is_hole(name):
                    file.seek(self.bytes_of(name), os.SEEK_CUR)
                    continue
                left = math.prod(shape)
                while left:
                    count = min(left, CHUNK)
                    file.write(self.values(random, name, count).tobytes())
                    left -= count
            file.truncate(len(text) + 8 + offset)


def write_checkpoint(name, folder, fill):
    """Write the whole checkpoint of a model of MODELS."""
    os.makedirs(folder, exist_ok=True)
    model = MODELS[name]
    files = {"config.json": model, **tokenizer_files(model["vocab_size"])}
    for file_name, value in files.items():
        with open(os.path.join(folder, file_name), "w") as file:
            json.dump(value, file, indent=2, ensure_ascii=False)
    Shapes(model).write(os.path.join(folder, "model.safetensors"), fill)


def write_model(name, folder):
    """Write a model without weights; (what the compiler takes, bytes)."""
    path = os.path.join(folder, name.replace("/", "-"))
    if name in MODELS:
        write_checkpoint(name, path, fill=False)
        weights = os.path.join(path, "model.safetensors")
        return path, os.path.getsize(weights)
    path += ".gguf"
    shape = [_TEST / "Integration" / "make_shape.py", CONVERTED[name]]
    subprocess.run([sys.executable, *shape, "-o", path], check=True)
    return path, os.path.getsize(path)


def measure(sterna, name, folder):
    """Bytes of the model's files, and of what generating and tuning take."""
    model, size = write_model(name, folder)
    module = os.path.join(folder, "model.stn")
    subprocess.run(
        [os.path.join(sterna, "sterna-compile"), model, "-o", module],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    info = subprocess.run(
        [os.path.join(sterna, "sterna-run"), "info", module, "--json"],
        check=True,
        capture_output=True,
    ).stdout.splitlines()[-1]
    peak = json.loads(info)["peak_bytes"]
    return size, peak["generate"], peak["train"]


def print_table(sterna):
    columns = ("model", "files", "generate", "tune")
    print("| " + " | ".join(columns) + " |")
    print("|---|--:|--:|--:|")
    for name in (*MODELS, *CONVERTED):
        with tempfile.TemporaryDirectory() as folder:
            sizes = measure(sterna, name, folder)
        cells = " | ".join(f"{size / 1e9:.2f} GB" for size in sizes)
        print(f"| `{name}` | {cells} |", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL")
    parser.add_argument("-o", "--output")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--list", action="store_true", help="list the models")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--sterna", help="folder of the tools, for --table")
    args = parser.parse_args()
    if args.list:
        print("\n".join(MODELS))
    elif args.table and args.sterna:
        print_table(args.sterna)
    elif args.model and args.output:
        write_checkpoint(args.model, args.output, args.random)
    else:
        parser.error("MODEL and -o FOLDER are needed, or --table and --sterna")


if __name__ == "__main__":
    main()
