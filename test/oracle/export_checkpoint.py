#!/usr/bin/env python3
# ===- export_checkpoint.py - Graphs of ONNX from checkpoints --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Exports the random checkpoints as others do: transformers' classes, through
# both exporters of torch.onnx, with and without keys and values of a past.
# ===----------------------------------------------------------------------=== #
"""Export a family of make_checkpoint.py.

  export_checkpoint.py FAMILY script|dynamo alone|past OUT.onnx

Only the sizes of the model are fixed in the graph: batch, tokens and past are
dynamic.
"""

import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
# The tracer does not go into functions that are compiled, as transformers' are.
if "script" in sys.argv:
    os.environ["TORCHDYNAMO_DISABLE"] = "1"

import torch
from transformers import DynamicCache
from transformers.integrations.bitnet import BitLinear

import make_checkpoint
from checkpoint_golden import load, unpack_mlx


class Alone(torch.nn.Module):
    """Token ids and a mask to logits."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            use_cache=False,
        ).logits


class WithPast(torch.nn.Module):
    """The same, with keys and values of tokens before as inputs and outputs."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        pairs = list(zip(past[::2], past[1::2]))
        result = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=DynamicCache(pairs),
            use_cache=True,
        )
        present = []
        for layer in result.past_key_values.layers:
            present += [layer.keys, layer.values]
        return result.logits, *present


def sample(model, has_past):
    """Arguments, and names of inputs, outputs and dynamic dimensions."""
    config = model.config
    batch, tokens, past = 2, 7, 5
    ids = torch.arange(batch * tokens).reshape(batch, tokens)
    dims = {0: "batch", 1: "tokens"}
    if not has_past:
        axes = {"input_ids": dims, "attention_mask": dims}
        return (ids, torch.ones_like(ids)), list(axes), ["logits"], axes
    head = getattr(config, "head_dim", None) or (
        config.hidden_size // config.num_attention_heads
    )
    shape = (batch, config.num_key_value_heads, past, head)
    count = 2 * config.num_hidden_layers
    kinds = [f"{i // 2}.{('key', 'value')[i % 2]}" for i in range(count)]
    inputs = ["input_ids", "attention_mask", "position_ids"]
    axes = {name: dims for name in inputs}
    axes["attention_mask"] = {0: "batch", 1: "total"}
    for kind in kinds:
        inputs.append(f"past_key_values.{kind}")
        axes[inputs[-1]] = {0: "batch", 2: "past"}
    positions = torch.arange(past, past + tokens).repeat(batch, 1)
    mask = torch.ones(batch, past + tokens, dtype=torch.int64)
    keys = [torch.randn(shape) for _ in kinds]
    outputs = ["logits"] + [f"present.{kind}" for kind in kinds]
    return (ids, mask, positions, *keys), inputs, outputs, axes


def export(model, dynamo, has_past, has_packed, path):
    arguments, inputs, outputs, axes = sample(model, has_past)
    module = (WithPast if has_past else Alone)(model)
    options = {"dynamo": dynamo}
    if dynamo:
        auto = torch.export.Dim.AUTO
        dims = [dict.fromkeys(axes[name], auto) for name in inputs]
        options["dynamic_shapes"] = (
            (*dims[:3], tuple(dims[3:])) if has_past else tuple(dims)
        )
        options["verbose"] = False
        # The optimizer folds unpacked weights of layers that are small.
        options["optimize"] = not has_packed
    else:
        options["dynamic_axes"] = axes
        options["opset_version"] = 17
    torch.onnx.export(
        module,
        arguments,
        path,
        input_names=inputs,
        output_names=outputs,
        **options,
    )


def main():
    family, exporter, past, path = sys.argv[1:]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
    ):
        make_checkpoint.Checkpoint(family).write(folder)
        if "mlx" in family:
            folder = unpack_mlx(folder, other)
        model = load(folder, family)
        has_packed = any(isinstance(m, BitLinear) for m in model.modules())
        export(model, exporter == "dynamo", past == "past", has_packed, path)


if __name__ == "__main__":
    main()
