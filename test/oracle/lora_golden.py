#!/usr/bin/env python3
# ===- lora_golden.py - Golden gradients and training steps by PyTorch ----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Makes the files under golden/: LoRA gradients and the losses of a short
# training run, by PyTorch in float64 with its own autograd, AdamW and clipping.
# Tests read the files and need no PyTorch.
# ===----------------------------------------------------------------------=== #
"""Write golden LoRA gradients and training losses for two random models.

  lora_golden.py -o golden

For each model VARIANT of make_model.py (seed 1), in OUT/VARIANT:
  adapter/              the adapter that both tests start from (rank 4, alpha 8)
  data.jsonl            samples of input_ids and labels, at most 24 tokens long
  gradients.safetensors of the first sample's mean loss, named as in the adapter
  losses.json           loss of the first sample, and loss and gradient norm of
                        20 steps of two samples each, in file order; SHA-256 of
                        the model
  trained.safetensors   the adapter after these steps; a relative bound of 5e-5
                        finds a missing weight decay (2e-4), losses do not
  losses-clip-8.json    the same, clipping at 8 and so only at some of the steps
  trained-clip-8.safetensors
"""

import argparse
import hashlib
import json
import os
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

import gguf
import make_model
from adapter import Adapter, matrix_name, write_adapter
from adapter import write_safetensors
from make_adapter import random_matrices
from reference import MASKED, Model

VARIANTS = ("base", "gqa")
RANK, ALPHA = 4, 8
STEPS, ACCUMULATION, LONGEST = 20, 2, 24
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01
# Clipping bound of each run, by what its files' names end in.
MAX_NORMS = {"": 1.0, "-clip-8": 8.0}


class LoraModel:
    """Architecture bitnet in float64 torch: frozen float weights and trainable
    adapter `matrices`. Activations are not quantized."""

    def __init__(self, path, matrices):
        reader = gguf.Reader(path)
        arch = reader.metadata["general.architecture"]
        self.layers = reader.metadata[f"{arch}.block_count"]
        self.heads = reader.metadata[f"{arch}.attention.head_count"]
        self.kv_heads = reader.metadata[f"{arch}.attention.head_count_kv"]
        self.theta = reader.metadata[f"{arch}.rope.freq_base"]
        self.epsilon = reader.metadata[
            f"{arch}.attention.layer_norm_rms_epsilon"
        ]
        self.weights = {
            n: torch.tensor(reader.read(n)).double() for n in reader.tensors
        }
        self.matrices = {
            name: torch.tensor(values).double().requires_grad_()
            for name, values in matrices.items()
        }

    def norm(self, x, name):
        weight = self.weights[f"{name}.weight"]
        return F.rms_norm(x, weight.shape, weight, self.epsilon)

    def linear(self, x, layer, linear):
        a = self.matrices[matrix_name(layer, linear, "A")]
        b = self.matrices[matrix_name(layer, linear, "B")]
        y = F.linear(x, self.weights[f"blk.{layer}.{linear}.weight"])
        return y + ALPHA / RANK * F.linear(F.linear(x, a), b)

    def rotate(self, x):
        """Rotate-half RoPE of [heads, T, d], as a complex product."""
        half = x.shape[-1] // 2
        steps = torch.arange(half, dtype=torch.float64) / half
        positions = torch.arange(x.shape[-2], dtype=torch.float64)
        angles = torch.outer(positions, self.theta**-steps)
        turned = torch.complex(x[..., :half], x[..., half:])
        turned = turned * torch.polar(torch.ones_like(angles), angles)
        return torch.cat([turned.real, turned.imag], dim=-1)

    def logits(self, input_ids):
        """Logits [T, vocabulary] of one sequence."""
        embedding = self.weights["token_embd.weight"]
        x = embedding[torch.tensor(input_ids)]
        for layer in range(self.layers):
            prefix = f"blk.{layer}."
            h = self.norm(x, prefix + "attn_norm")
            q, k, v = (
                self.linear(h, layer, name)
                .unflatten(-1, (heads, -1))
                .transpose(0, 1)
                for name, heads in (
                    ("attn_q", self.heads),
                    ("attn_k", self.kv_heads),
                    ("attn_v", self.kv_heads),
                )
            )
            mixed = F.scaled_dot_product_attention(
                self.rotate(q)[None],
                self.rotate(k)[None],
                v[None],
                is_causal=True,
                enable_gqa=True,
            )
            mixed = mixed[0].transpose(0, 1).flatten(1)
            mixed = self.norm(mixed, prefix + "attn_sub_norm")
            x = x + self.linear(mixed, layer, "attn_output")
            h = self.norm(x, prefix + "ffn_norm")
            u = F.silu(self.linear(h, layer, "ffn_gate"))
            u = u * self.linear(h, layer, "ffn_up")
            x = x + self.linear(
                self.norm(u, prefix + "ffn_sub_norm"), layer, "ffn_down"
            )
        return F.linear(self.norm(x, "output_norm"), embedding)

    def loss_sum(self, sample):
        """Sum of the token losses of one sample, and the unmasked tokens."""
        logits = self.logits(sample["input_ids"])[:-1]
        targets = torch.tensor(sample["labels"])[1:]
        loss = F.cross_entropy(
            logits, targets, ignore_index=MASKED, reduction="sum"
        )
        return loss, int((targets != MASKED).sum())


def random_samples(count, vocabulary, seed):
    """Samples of 12 to LONGEST tokens: a masked prompt of random length, some
    labels masked inside, and tokens that repeat so that there is something to
    learn. The first is LONGEST long."""
    random = np.random.RandomState(seed)
    samples = []
    for index in range(count):
        length = LONGEST if index == 0 else random.randint(12, LONGEST + 1)
        ids = np.concatenate([[1], random.randint(259, vocabulary, length - 1)])
        ids[4::3] = ids[1]
        labels = ids.copy()
        labels[: random.randint(1, 6)] = MASKED
        labels[random.random_sample(length) < 0.15] = MASKED
        samples.append({"input_ids": ids.tolist(), "labels": labels.tolist()})
    return samples


def backward_step(model, samples):
    """Gradients of the mean loss over all unmasked tokens of `samples`, one
    backward pass each; returns that mean."""
    tokens = sum(model.loss_sum(sample)[1] for sample in samples)
    total = 0.0
    for sample in samples:
        loss = model.loss_sum(sample)[0] / tokens
        loss.backward()
        total += loss.item()
    return total


def train(model, samples, max_norm):
    """Loss and gradient norm (before clipping) of each optimizer step."""
    parameters = list(model.matrices.values())
    optimizer = torch.optim.AdamW(
        parameters,
        lr=LEARNING_RATE,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=WEIGHT_DECAY,
    )
    losses, norms = [], []
    for step in range(STEPS):
        first = step * ACCUMULATION
        optimizer.zero_grad()
        losses.append(
            backward_step(model, samples[first : first + ACCUMULATION])
        )
        norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        norms.append(norm.item())
        optimizer.step()
    return losses, norms


def check_forward(model_path, adapter_path, model, sample):
    """Fail unless PyTorch and NumPy agree on the logits."""
    reference = Model(model_path, "float", adapter=Adapter(adapter_path))
    expected = reference.logits(sample["input_ids"])
    actual = model.logits(sample["input_ids"]).detach().numpy()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)


def write_data(path, samples):
    """Write `samples` as JSON lines."""
    with open(path, "w") as file:
        for sample in samples:
            file.write(json.dumps(sample, separators=(",", ":")) + "\n")


def write_json(path, golden):
    """Write the dictionary `golden` as JSON."""
    with open(path, "w") as file:
        json.dump(golden, file, indent=2)
        file.write("\n")


def write_matrices(path, matrices, values):
    """Write `values(matrix)` of every adapter matrix as safetensors."""
    write_safetensors(
        path, {n: values(p).detach().numpy() for n, p in matrices.items()}
    )


def write_golden(variant, directory):
    """Write all golden files of one model variant."""
    adapter_path = os.path.join(directory, "adapter")
    spec = make_model.VARIANTS[variant]
    samples = random_samples(STEPS * ACCUMULATION, spec.vocabulary, seed=2)
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        metadata = make_model.model_metadata(f"random {variant}", spec)
        gguf.write(file.name, metadata, make_model.make_tensors(spec, 1))
        digest = hashlib.sha256(file.read()).hexdigest()
        matrices = random_matrices(gguf.Reader(file.name), RANK, seed=1)
        write_adapter(adapter_path, matrices, RANK, ALPHA)
        write_data(os.path.join(directory, "data.jsonl"), samples)

        model = LoraModel(file.name, matrices)
        check_forward(file.name, adapter_path, model, samples[0])
        first_loss = backward_step(model, samples[:1])
        write_matrices(
            os.path.join(directory, "gradients.safetensors"),
            model.matrices,
            lambda matrix: matrix.grad,
        )
        for suffix, max_norm in MAX_NORMS.items():
            model = LoraModel(file.name, matrices)
            losses, norms = train(model, samples, max_norm)
            golden = {
                "model_sha256": digest,
                "max_norm": max_norm,
                "gradient_loss": first_loss,
                "losses": losses,
                "gradient_norms": norms,
            }
            write_json(os.path.join(directory, f"losses{suffix}.json"), golden)
            write_matrices(
                os.path.join(directory, f"trained{suffix}.safetensors"),
                model.matrices,
                lambda matrix: matrix,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for variant in VARIANTS:
        write_golden(variant, os.path.join(args.output, variant))


if __name__ == "__main__":
    main()
