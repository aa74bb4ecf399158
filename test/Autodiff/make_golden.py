#!/usr/bin/env python3
"""Makes Inputs/golden.npz, the results of PyTorch that against_golden.py expects.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: make_golden.py OUTPUT.npz      (needs PyTorch; the tests do not)
"""
import sys

import numpy as np
import torch

STEPS, RATE, DECAY, LIMITS = 4, 1e-2, 0.1, (0.0, 0.5)


class Quantize(torch.autograd.Function):
    """Per-token int8 quantization, straight-through."""

    @staticmethod
    def forward(ctx, x):
        scale = 127 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
        return (x * scale).round().clamp(-128, 127) / scale

    @staticmethod
    def backward(ctx, dy):
        return dy


def straight_through(rng, golden):
    """`linear_int8` of tern.mlir and its gradient."""
    x = rng.uniform(-1, 1, (2, 6)).astype(np.float32)
    trits = rng.integers(-1, 2, (3, 6)).astype(np.int8)
    leaf = torch.tensor(x, requires_grad=True)
    weight = torch.tensor(0.5 * trits.astype(np.float32))
    loss = (Quantize.apply(leaf) @ weight.T).sum()
    loss.backward()
    golden.update({"linear.x": x, "linear.trits": trits,
                   "linear.value": loss.detach().numpy(),
                   "linear.gradient": leaf.grad.numpy()})


def adamw(rng, golden, limit):
    """Steps on the loss of build-training.mlir, each of two micro-batches."""
    shapes = ((2, 8), (6, 2))
    start = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
    a, b = (torch.tensor(value, requires_grad=True) for value in start)
    optimizer = torch.optim.AdamW([a, b], lr=RATE, weight_decay=DECAY)
    inputs = rng.uniform(-1, 1, (STEPS, 2, 4, 8)).astype(np.float32)
    losses, norms, parameters = [], [], []
    for batch in inputs:
        optimizer.zero_grad()
        for x in batch:
            loss = ((torch.tensor(x) @ a.T * 2) @ b.T).sum() * 0.25
            loss.backward()
            losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(
            [a, b], limit or float("inf")).item())
        optimizer.step()
        parameters.append(np.concatenate(
            [value.detach().numpy().ravel() for value in (a, b)]))
    golden.update({f"adamw.{limit}.a": start[0], f"adamw.{limit}.b": start[1],
                   f"adamw.{limit}.inputs": inputs,
                   f"adamw.{limit}.losses": np.float32(losses),
                   f"adamw.{limit}.norms": np.float32(norms),
                   f"adamw.{limit}.parameters": np.stack(parameters)})


def main():
    rng, golden = np.random.default_rng(0), {}
    straight_through(rng, golden)
    for limit in LIMITS:
        adamw(rng, golden, limit)
    golden.update(rate=np.float32(RATE), decay=np.float32(DECAY),
                  limits=np.float32(LIMITS))
    np.savez_compressed(sys.argv[1], **golden)


if __name__ == "__main__":
    main()
