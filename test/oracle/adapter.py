# ===- adapter.py - PEFT LoRA adapters and safetensors --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Reads and writes LoRA adapters as PEFT lays them out, and the safetensors
# files in them, without either library, so that tests need NumPy only.
# ===----------------------------------------------------------------------=== #
"""PEFT adapter directories and safetensors files (F64, F32, F16)."""

import json
import math
import os

import numpy as np

# GGUF tensor stem of each linear, and its module path inside a PEFT layer.
LINEARS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def read_safetensors(path):
    """Dictionary of name to array, in the order of the file's header."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[begin:end], _DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Write float32 copies of `tensors`, in name order."""
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        blobs.append(np.asarray(tensors[name], "<f4").tobytes())
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(blobs[-1])],
        }
        offset += len(blobs[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def matrix_name(layer, linear, side):
    """Name of lora_A or lora_B (`side` "A" or "B") as PEFT stores it."""
    module = f"base_model.model.model.layers.{layer}.{LINEARS[linear]}"
    return f"{module}.lora_{side}.weight"


class Adapter:
    """A LoRA adapter in PEFT's row order.

    `scale` is alpha / rank, or alpha / sqrt(rank) with `use_rslora`. `pair`
    gives A [r, in] and B [out, r] in float64, or None for an untouched linear.
    """

    def __init__(self, directory):
        with open(os.path.join(directory, "adapter_config.json")) as file:
            config = json.load(file)
        rank = config["r"]
        divisor = math.sqrt(rank) if config.get("use_rslora") else rank
        self.scale = config["lora_alpha"] / divisor
        self._matrices = read_safetensors(
            os.path.join(directory, "adapter_model.safetensors")
        )

    def pair(self, layer, linear):
        """(A, B) of `linear` ("attn_q" ...) in `layer`, or None."""
        a = self._matrices.get(matrix_name(layer, linear, "A"))
        b = self._matrices.get(matrix_name(layer, linear, "B"))
        if a is None or b is None:
            return None
        return a.astype(np.float64), b.astype(np.float64)


def write_adapter(directory, matrices, rank, alpha):
    """Write a PEFT directory of `matrices` (full names to arrays) that adapts
    all seven linears."""
    os.makedirs(directory, exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "fan_in_fan_out": False,
        "target_modules": [path.split(".")[1] for path in LINEARS.values()],
    }
    with open(os.path.join(directory, "adapter_config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    write_safetensors(
        os.path.join(directory, "adapter_model.safetensors"), matrices
    )
