#!/usr/bin/env python3
# ===- reference.py - A ternary transformer in float64 NumPy --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The model computed from its definition, in float64, without tricks: what
# compiled programs are compared with. It shares no code with the compiler and
# favours being read over being fast.
# ===----------------------------------------------------------------------=== #
"""Logits and loss of a ternary language model in a GGUF file.

Architectures: bitnet (SiLU), bitnet-b1.58 and bitnet-25 (squared ReLU), llama
(SiLU, rows of q and k permuted for interleaved RoPE), minicpm (the same with
scaled embeddings, residuals and logits), qwen3 (SiLU, norms of heads).

  reference.py MODEL.gguf --input-ids 1,2,3 -o logits.npy
  reference.py MODEL.gguf --input-ids 1,2,3 --labels=-100,2,3
  reference.py MODEL.gguf --data FILE.jsonl
"""

import argparse
import json

import numpy as np

import gguf
from adapter import LINEARS, Adapter
from ternary import quantize_absmean, scale_granularity

MASKED = -100


def rms_norm(x, weight, epsilon):
    """RMS normalisation of the last axis."""
    return (
        x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight
    )


def silu(x):
    """x * sigmoid(x)."""
    return x / (1 + np.exp(-x))


def squared_relu(x):
    """relu(x) squared."""
    return np.maximum(x, 0) ** 2


def quantize_activations(x):
    """Symmetric int8 per row of x: (integers as floats, scale), where
    x is close to integers / scale."""
    magnitude = np.abs(x).max(axis=-1, keepdims=True)
    scale = 127 / np.maximum(magnitude, 1e-5)
    return np.clip(np.rint(x * scale), -128, 127), scale


def keep(rows, kv_type):
    """What attention reads of keys or values `rows` [T, heads, d] that were kept
    as `kv_type`."""
    if kv_type == "f16":
        return rows.astype(np.float16).astype(np.float64)
    if kv_type == "int8":
        codes, scale = quantize_activations(rows)
        return codes / scale
    return rows


def yarn_frequencies(frequencies, theta, factor, context, fast, slow):
    """Frequencies stretched by `factor` where a pair turns less than `slow`
    times in `context` tokens, kept where it turns more than `fast` times, and
    blended by the pair's number between (arXiv:2309.00071)."""
    pairs = len(frequencies)

    def pair(turns):
        return pairs * np.log(context / (2 * np.pi * turns)) / np.log(theta)

    low = max(np.floor(pair(fast)), 0)
    high = min(np.ceil(pair(slow)), 2 * pairs - 1)
    ramp = (np.arange(pairs) - low) / max(high - low, 0.001)
    ramp = np.clip(ramp, 0, 1)
    return frequencies * (1 - ramp) + frequencies / factor * ramp


def rope(x, frequencies, amplitude, interleaved):
    """Rotary embedding of x [T, heads, head_dim] at positions 0..T-1.

    `interleaved` rotates the pairs (2i, 2i + 1), else (i, i + head_dim / 2).
    """
    length, _, head_dim = x.shape
    half = head_dim // 2
    angles = np.arange(length)[:, None] * frequencies
    cos = amplitude * np.cos(angles)[:, None, :]
    sin = amplitude * np.sin(angles)[:, None, :]
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
    else:
        a, b = x[..., :half], x[..., half:]
    rotated = (a * cos - b * sin, a * sin + b * cos)
    if interleaved:
        return np.stack(rotated, axis=-1).reshape(x.shape)
    return np.concatenate(rotated, axis=-1)


def causal_attention(q, k, v):
    """Attention of q [T, heads, d] over k and v [T, kv_heads, d]: the mixed
    values [T, heads * d]."""
    length, heads, head_dim = q.shape
    group = heads // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(head_dim)
    scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("hts,shd->thd", weights, v).reshape(length, -1)


def interleave_rows(matrix, heads):
    """Rows of q or k from rotate-half order to the interleaved order of arch
    llama files: row i of the first half of a head becomes row 2i."""
    rows, columns = matrix.shape
    halves = matrix.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


class Config:
    """Hyperparameters from GGUF metadata; ValueError on what is unsupported."""

    ACTIVATIONS = {
        "bitnet": silu,
        "llama": silu,
        "minicpm": silu,
        "qwen3": silu,
        "bitnet-b1.58": squared_relu,
        "bitnet-25": squared_relu,
    }

    def __init__(self, metadata):
        arch = metadata["general.architecture"]
        if arch not in self.ACTIVATIONS:
            raise ValueError(f"unsupported architecture {arch!r}")

        def get(key, default=None):
            value = metadata.get(f"{arch}.{key}", default)
            if value is None:
                raise ValueError(f"metadata key {arch}.{key} is missing")
            return value

        self.activation = self.ACTIVATIONS[arch]
        self.interleaved_rope = arch in ("llama", "minicpm")
        self.layers = get("block_count")
        self.heads = get("attention.head_count")
        self.kv_heads = get("attention.head_count_kv", self.heads)
        hidden = get("embedding_length")
        self.head_dim = get("attention.key_length", hidden // self.heads)
        self.epsilon = get("attention.layer_norm_rms_epsilon")
        self.theta = get("rope.freq_base", 10000.0)
        rotated = get("rope.dimension_count", self.head_dim)
        if rotated != self.head_dim:
            raise ValueError(
                f"expected rope.dimension_count {self.head_dim}, got {rotated}"
            )
        self.embedding_scale = get("embedding_scale", 1.0)
        self.residual_scale = get("residual_scale", 1.0)
        self.logit_scale = get("logit_scale", 1.0)
        self._set_frequencies(get)

    def _set_frequencies(self, get):
        steps = np.arange(self.head_dim // 2) * 2.0 / self.head_dim
        self.frequencies = self.theta**-steps
        self.amplitude = 1.0
        kind = get("rope.scaling.type", "none")
        if kind == "yarn":
            factor = get("rope.scaling.factor")
            self.frequencies = yarn_frequencies(
                self.frequencies,
                self.theta,
                factor,
                get("rope.scaling.original_context_length"),
                get("rope.scaling.yarn_beta_fast", 32.0),
                get("rope.scaling.yarn_beta_slow", 1.0),
            )
            self.amplitude = 0.1 * np.log(factor) + 1
            self.amplitude *= get("rope.scaling.attn_factor", 1.0)
        elif kind not in ("none", "longrope"):
            raise ValueError(f"rotary scaling {kind!r} is not supported")


class Model:
    """A model in memory. `activations` is "int8" or "float"; `quantize` None
    or "absmean" for latent weights; `adapter` None or an `Adapter`; `kv_type`
    "f32", "f16" or "int8"."""

    def __init__(
        self, path, activations, quantize=None, adapter=None, kv_type="f32"
    ):
        self._kv_type = kv_type
        self._reader = gguf.Reader(path)
        self.config = Config(self._reader.metadata)
        self._int8 = activations == "int8"
        self._quantize = quantize
        self._adapter = adapter
        self._weights = {n: self._load(n) for n in self._reader.tensors}
        for name in ("rope_freqs.weight", "rope_factors_short.weight"):
            if name in self._weights:
                self.config.frequencies /= self._weights[name]

    def _load(self, name):
        values = self._reader.read(name).astype(np.float64)
        parts = name.split(".")
        if parts[0] != "blk" or parts[2] not in LINEARS or parts[3] != "weight":
            return values
        if scale_granularity(values) is None:
            if self._quantize != "absmean":
                raise ValueError(
                    f"{name} is not ternary: "
                    "quantize it with --quantize absmean"
                )
            values = quantize_absmean(values)
        # Optional scales beside the weight, one or one a row, multiply it.
        scale = name[: -len("weight")] + "scale"
        if scale in self._reader.tensors:
            factors = self._reader.read(scale).astype(np.float64)
            values = values * factors.reshape(-1, 1)
        return values

    def _norm(self, x, name):
        """RMS norm by the weights `name`; x itself when the model has none."""
        if name not in self._weights:
            return x
        return rms_norm(x, self._weights[name], self.config.epsilon)

    def _linear(self, x, layer, linear):
        """Ternary linear of x [T, in], with its LoRA branch, which reads the
        input before quantization."""
        weight = self._weights[f"blk.{layer}.{linear}.weight"]
        if self._int8:
            integers, scale = quantize_activations(x)
            y = integers @ weight.T / scale
        else:
            y = x @ weight.T
        pair = self._adapter and self._adapter.pair(layer, linear)
        if pair:
            a, b = pair
            if self.config.interleaved_rope and linear in ("attn_q", "attn_k"):
                q = linear == "attn_q"
                heads = self.config.heads if q else self.config.kv_heads
                b = interleave_rows(b, heads)
            y = y + self._adapter.scale * (x @ a.T @ b.T)
        return y

    def _attention(self, x, layer):
        config = self.config

        def project(linear, heads):
            return self._linear(x, layer, linear).reshape(len(x), heads, -1)

        q = project("attn_q", config.heads)
        k = project("attn_k", config.kv_heads)
        v = project("attn_v", config.kv_heads)
        q = self._norm(q, f"blk.{layer}.attn_q_norm.weight")
        k = self._norm(k, f"blk.{layer}.attn_k_norm.weight")
        turn = (config.frequencies, config.amplitude, config.interleaved_rope)
        q, k = rope(q, *turn), rope(k, *turn)
        k, v = keep(k, self._kv_type), keep(v, self._kv_type)
        mixed = causal_attention(q, k, v)
        mixed = self._norm(mixed, f"blk.{layer}.attn_sub_norm.weight")
        return self._linear(mixed, layer, "attn_output")

    def _feed_forward(self, x, layer):
        gate = self.config.activation(self._linear(x, layer, "ffn_gate"))
        u = gate * self._linear(x, layer, "ffn_up")
        u = self._norm(u, f"blk.{layer}.ffn_sub_norm.weight")
        return self._linear(u, layer, "ffn_down")

    def hidden(self, input_ids):
        """Hidden states [T, hidden] after the final norm."""
        x = self._weights["token_embd.weight"][np.asarray(input_ids)]
        x = x * self.config.embedding_scale
        residual = self.config.residual_scale
        for layer in range(self.config.layers):
            h = self._norm(x, f"blk.{layer}.attn_norm.weight")
            x = x + residual * self._attention(h, layer)
            h = self._norm(x, f"blk.{layer}.ffn_norm.weight")
            x = x + residual * self._feed_forward(h, layer)
        return self._norm(x, "output_norm.weight")

    def logits(self, input_ids):
        """Logits [T, vocabulary] of one sequence of token ids."""
        head = self._weights.get("output.weight")
        if head is None:
            head = self._weights["token_embd.weight"]
        return self.hidden(input_ids) / self.config.logit_scale @ head.T

    def loss_sum(self, input_ids, labels):
        """(Sum of token losses, unmasked tokens); `labels` are aligned with
        `input_ids` and shifted here, MASKED ones are left out."""
        logits = self.logits(input_ids)[:-1]
        targets = np.asarray(labels)[1:]
        logits, targets = logits[targets != MASKED], targets[targets != MASKED]
        peak = logits.max(axis=-1, keepdims=True)
        log_sum = np.log(np.exp(logits - peak).sum(axis=-1)) + peak[:, 0]
        picked = logits[np.arange(len(targets)), targets]
        return float((log_sum - picked).sum()), len(targets)


def mean_loss(model, samples):
    """Mean loss over all unmasked tokens of `samples`, pairs of input ids and
    labels."""
    sums = [model.loss_sum(ids, labels) for ids, labels in samples]
    tokens = sum(count for _, count in sums)
    return {"loss": sum(loss for loss, _ in sums) / tokens, "tokens": tokens}


def parse_ids(text):
    """List of integers from a comma-separated string."""
    return [int(part) for part in text.split(",")]


def read_samples(path):
    """Pairs (input_ids, labels) of a JSON-lines file."""
    with open(path) as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [(row["input_ids"], row["labels"]) for row in rows]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model")
    parser.add_argument("--input-ids", type=parse_ids)
    parser.add_argument("--labels", type=parse_ids, help="print the mean loss")
    parser.add_argument("--data", help="JSON lines of input_ids and labels")
    parser.add_argument(
        "--activations", choices=("int8", "float"), default="float"
    )
    parser.add_argument("--quantize", choices=("absmean",))
    parser.add_argument("--adapter", help="PEFT directory")
    parser.add_argument("-o", "--output", help="logits, f32 [T, vocabulary]")
    args = parser.parse_args()
    if not args.data and not args.input_ids:
        parser.error("one of --input-ids and --data is needed")
    adapter = Adapter(args.adapter) if args.adapter else None
    model = Model(args.model, args.activations, args.quantize, adapter)
    if args.output:
        np.save(args.output, model.logits(args.input_ids).astype(np.float32))
    if args.labels:
        print(json.dumps(mean_loss(model, [(args.input_ids, args.labels)])))
    if args.data:
        print(json.dumps(mean_loss(model, read_samples(args.data))))


if __name__ == "__main__":
    main()
