#!/usr/bin/env python3
# ===- checkpoint_golden.py - What transformers computes of checkpoints ---=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Makes the files under golden/checkpoints: logits and LoRA gradients of the
# random checkpoints, by the models' published definitions in transformers, or
# here where it has none. Tests read the files and need neither it nor PyTorch.
# ===----------------------------------------------------------------------=== #
"""Write golden logits and gradients of the families of make_checkpoint.py.

  checkpoint_golden.py -o golden/checkpoints

For each FAMILY, in OUT/FAMILY.safetensors, in float32:
  logits            of IDS as published
  logits.float      the same with the quantizer of activations left out
  loss.float, and a gradient for each matrix of the family's adapter, of the mean
                    loss of IDS with the adapter and without that quantizer
"""

import argparse
import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import json
import tempfile
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.integrations import bitnet

import make_checkpoint
from adapter import LINEARS, matrix_name, write_safetensors
from ternary import quantize_absmean

IDS = [(7 * i * i + 3 * i + 5) % make_checkpoint.VOCABULARY for i in range(24)]


class MiniCPM(torch.nn.Module):
    """MiniCPM by its definition (arXiv:2404.06395 and its configuration):
    Llama with scaled embeddings, residuals and logits."""

    def __init__(self, folder):
        super().__init__()
        with open(os.path.join(folder, "config.json")) as file:
            self.c = json.load(file)
        self.w = {
            name: tensor.float()
            for name, tensor in load_file(
                os.path.join(folder, "model.safetensors")
            ).items()
        }
        self.linears = {}
        for name in list(self.w):
            if ".self_attn." in name or ".mlp." in name:
                values = quantize_absmean(self.w[name].numpy())
                rows, columns = values.shape
                linear = torch.nn.Linear(columns, rows, bias=False)
                linear.weight.data = torch.tensor(values, dtype=torch.float32)
                self.linears[name[: -len(".weight")]] = linear

    def get_submodule(self, name):
        return self.linears[name]

    def set_submodule(self, name, module):
        self.linears[name] = module

    def norm(self, x, name):
        x = x * torch.rsqrt(x.pow(2).mean(-1, True) + self.c["rms_norm_eps"])
        return x * self.w[f"{name}.weight"]

    def rotate(self, x):
        half = x.shape[-1] // 2
        factors = torch.tensor(self.c["rope_scaling"]["short_factor"])
        steps = torch.arange(half) / half
        frequencies = self.c["rope_theta"] ** -steps / factors
        angles = torch.outer(torch.arange(x.shape[-2]).float(), frequencies)
        cos, sin = angles.cos(), angles.sin()
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)

    def attention(self, x, prefix):
        def heads(name, count):
            y = self.linears[f"{prefix}.{name}"](x)
            return y.unflatten(-1, (count, -1)).transpose(0, 1)

        q = self.rotate(heads("q_proj", self.c["num_attention_heads"]))
        k = self.rotate(heads("k_proj", self.c["num_key_value_heads"]))
        v = heads("v_proj", self.c["num_key_value_heads"])
        mixed = F.scaled_dot_product_attention(
            q[None], k[None], v[None], is_causal=True, enable_gqa=True
        )
        mixed = mixed[0].transpose(0, 1).flatten(1)
        return self.linears[f"{prefix}.o_proj"](mixed)

    def feed_forward(self, x, prefix):
        gate = F.silu(self.linears[f"{prefix}.gate_proj"](x))
        up = self.linears[f"{prefix}.up_proj"](x)
        return self.linears[f"{prefix}.down_proj"](gate * up)

    def forward(self, ids):
        residual = self.c["scale_depth"] / self.c["num_hidden_layers"] ** 0.5
        x = self.w["model.embed_tokens.weight"][ids[0]] * self.c["scale_emb"]
        for layer in range(self.c["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            h = self.norm(x, prefix + "input_layernorm")
            x = x + residual * self.attention(h, prefix + "self_attn")
            h = self.norm(x, prefix + "post_attention_layernorm")
            x = x + residual * self.feed_forward(h, prefix + "mlp")
        x = self.norm(x, "model.norm")
        x = x / (self.c["hidden_size"] / self.c["dim_model_base"])
        return x @ self.w["lm_head.weight"].T


def unpack_mlx(folder, into):
    """A dense copy of a checkpoint in MLX's packing, by MLX itself."""
    import mlx.core as mx

    tensors = mx.load(os.path.join(folder, "model.safetensors"))
    dense = {}
    for name, values in tensors.items():
        stem = name.rsplit(".", 1)[0]
        if name.endswith((".scales", ".biases")):
            continue
        if f"{stem}.scales" in tensors:
            values = mx.dequantize(
                values,
                tensors[f"{stem}.scales"],
                tensors[f"{stem}.biases"],
                group_size=64,
                bits=2,
            )
        dense[name] = values.astype(mx.float32)
    mx.save_safetensors(
        os.path.join(into, "model.safetensors"), dense, {"format": "pt"}
    )
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    for key in ("quantization", "quantization_config"):
        del config[key]
    with open(os.path.join(into, "config.json"), "w") as file:
        json.dump(config, file)
    return into


class WithBranch(torch.nn.Module):
    """A linear with a LoRA branch, as PEFT computes it."""

    def __init__(self, linear, a, b):
        super().__init__()
        self.linear = linear
        self.a = torch.nn.Parameter(torch.tensor(a))
        self.b = torch.nn.Parameter(torch.tensor(b))

    def forward(self, x):
        scale = make_checkpoint.ALPHA / make_checkpoint.RANK
        return self.linear(x) + scale * F.linear(F.linear(x, self.a), self.b)


def load(folder, family):
    if family == "minicpm":
        return MiniCPM(folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    # Quantized modules come in the type of the file.
    for module in model.modules():
        if isinstance(module, bitnet.BitLinear):
            module.dtype = torch.float32
    return torch.nn.Module.float(model).eval()


def logits_of(model):
    result = model(torch.tensor([IDS]))
    return result if torch.is_tensor(result) else result.logits[0]


def without_quantizer():
    """transformers with the quantizer of activations left out."""
    patches = mock.patch.multiple(
        bitnet.BitLinear,
        activation_quant=lambda self, x: (x, torch.ones(())),
    )
    return patches, mock.patch.object(
        bitnet.ActQuant, "apply", staticmethod(lambda x: x)
    )


def gradients(model, matrices):
    """Mean loss of IDS with the adapter `matrices`, and its gradients."""
    branches = {}
    for layer in range(make_checkpoint.LAYERS):
        for linear, path in LINEARS.items():
            a, b = (matrix_name(layer, linear, side) for side in "AB")
            name = f"model.layers.{layer}.{path}"
            branch = WithBranch(
                model.get_submodule(name), matrices[a], matrices[b]
            )
            model.set_submodule(name, branch)
            branches[a], branches[b] = branch.a, branch.b
    logits = logits_of(model)
    loss = F.cross_entropy(logits[:-1], torch.tensor(IDS[1:]))
    found = torch.autograd.grad(loss, list(branches.values()))
    result = {
        name: gradient.numpy() for name, gradient in zip(branches, found)
    }
    return {"loss.float": loss.detach().numpy().reshape(1), **result}


def golden(family):
    checkpoint = make_checkpoint.Checkpoint(family)
    with tempfile.TemporaryDirectory() as made, \
            tempfile.TemporaryDirectory() as other:
        checkpoint.write(made)
        folder = unpack_mlx(made, other) if "mlx" in family else made
        result = {}
        with torch.no_grad():
            result["logits"] = logits_of(load(folder, family)).numpy()
        offline, online = without_quantizer()
        with offline, online:
            model = load(folder, family)
            with torch.no_grad():
                result["logits.float"] = logits_of(model).numpy()
            result |= gradients(model, checkpoint.adapter_matrices())
        return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    args = parser.parse_args()
    os.makedirs(args.output, exist_ok=True)
    for family in args.families or make_checkpoint.FAMILIES:
        path = os.path.join(args.output, f"{family}.safetensors")
        write_safetensors(path, golden(family))


if __name__ == "__main__":
    main()
