#!/usr/bin/env python3
# ===- graph_golden.py - Graphs with a loss, and how PyTorch trains them ---=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Two small models as modules that return their loss, exported by either
# exporter of torch.onnx, with data and the losses of PyTorch's AdamW.
# ===----------------------------------------------------------------------=== #
"""Export a model, its data, and what PyTorch makes of them.

  graph_golden.py perceptron|transformer script|dynamo FOLDER

FOLDER gets model.onnx, with the inputs x and y and the output loss; data.npz;
and golden.npz: the loss of each of 50 steps of one batch, in order of the rows,
the gradients of the first batch by name, and the parameters at the end.
"""

import math
import os
import sys
import warnings

# Its C++ compiler is not needed, and may not be there.
os.environ["TORCHDYNAMO_DISABLE"] = "1"
warnings.filterwarnings("ignore")

import numpy
import torch
from torch import nn
from torch.nn import functional

STEPS = 50
RATE, DECAY, CLIP = 3e-3, 0.01, 1.0


class Perceptron(nn.Module):
    """Two layers on rows of 20 numbers, of 5 classes."""

    batch, rows = 16, 16 * 10

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(20, 33)
        self.outer = nn.Linear(33, 5)

    def forward(self, x, y):
        return functional.cross_entropy(self.outer(self.inner(x).relu()), y)

    def data(self):
        x = torch.randn(self.rows, 20)
        y = (x @ torch.randn(20, 5)).argmax(1)
        return x, y


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        split = self.qkv(self.attention_norm(x))
        split = split.view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        mask = torch.full((length, length), -math.inf).triu(1)
        mixed = (scores + mask).softmax(-1) @ v
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        x = x + self.projection(mixed)
        return x + self.down(functional.gelu(self.up(self.norm(x))))


class Transformer(nn.Module):
    """Two blocks on 12 tokens of a vocabulary of 61; -100 is no label."""

    batch, rows = 4, 4 * 10

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(61, 32)
        self.positions = nn.Embedding(12, 32)
        self.blocks = nn.ModuleList([Block(32, 4), Block(32, 4)])
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 61, bias=False)

    def forward(self, x, y):
        hidden = self.tokens(x) + self.positions.weight
        for block in self.blocks:
            hidden = block(hidden)
        logits = self.head(self.norm(hidden))
        return functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    def data(self):
        x = torch.randint(0, 61, (self.rows, 12))
        y = torch.roll(x, -1, 1)
        y[:, -1] = -100
        return x, y


def export(model, exporter, arguments, path):
    torch.onnx.export(
        model,
        arguments,
        path,
        input_names=["x", "y"],
        output_names=["loss"],
        dynamo=exporter == "dynamo",
        # Parameters keep their names and their place.
        **(
            {"external_data": False, "optimize": False}
            if exporter == "dynamo"
            else {"do_constant_folding": False}
        ),
    )


def main():
    kind, exporter, folder = sys.argv[1:]
    torch.manual_seed(7)
    model = {"perceptron": Perceptron, "transformer": Transformer}[kind]()
    # Exporters make one initializer of those that are equal.
    for name, parameter in model.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter, mean=float("weight" in name), std=0.1)
    x, y = model.data()
    os.makedirs(folder, exist_ok=True)
    export(model, exporter, (x[: model.batch], y[: model.batch]),
           f"{folder}/model.onnx")
    numpy.savez(f"{folder}/data.npz", x=x.numpy(), y=y.numpy())

    golden = {}
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    losses = []
    for step in range(STEPS):
        first = step * model.batch % model.rows
        rows = slice(first, first + model.batch)
        optimizer.zero_grad()
        loss = model(x[rows], y[rows])
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            for name, parameter in model.named_parameters():
                golden["gradient." + name] = parameter.grad.numpy().copy()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
    for name, parameter in model.named_parameters():
        golden["parameter." + name] = parameter.detach().numpy()
    numpy.savez(f"{folder}/golden.npz", losses=numpy.array(losses), **golden)


if __name__ == "__main__":
    main()
