# ===- model.py - The BitNet b1.58 network in PyTorch --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""The network in PyTorch, exactly as GGUF architecture `bitnet` defines it.

Kept apart from train.py so that the check of the tuning data uses the very same
arithmetic. Both quantizers keep their results as whole numbers and the scales
outside the product: small integers are exact in bfloat16, so training may
multiply in bfloat16 without changing what is multiplied.
"""

from dataclasses import dataclass
from typing import Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Config:
    """Shape of the network; the names follow the GGUF keys."""

    vocabSize: int = 1024
    contextLength: int = 256
    embeddingLength: int = 256
    feedForwardLength: int = 768
    blockCount: int = 6
    headCount: int = 4
    headCountKv: int = 2
    ropeFreqBase: float = 10000.0
    rmsEpsilon: float = 1e-5

    @property
    def headDim(self) -> int:
        return self.embeddingLength // self.headCount


def roundStraightThrough(x: Tensor, low: float, high: float) -> Tensor:
    """Rounds half to even and clamps; the gradient passes unchanged."""
    return x + (x.round().clamp(low, high) - x).detach()


def quantizeActivations(x: Tensor) -> Tuple[Tensor, Tensor]:
    """Returns (int8 values as floats, scale) per token; x ~ values / scale."""
    scale = 127.0 / x.detach().abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return roundStraightThrough(x * scale, -128, 127), scale


def quantizeWeight(w: Tensor) -> Tuple[Tensor, Tensor]:
    """Returns (trits as floats, scale) per tensor; w ~ trits * scale."""
    inverse = 1.0 / w.detach().abs().mean().clamp(min=1e-5)
    return roundStraightThrough(w * inverse, -1, 1), 1.0 / inverse


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last dimension."""

    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        meanSquare = x.square().mean(-1, keepdim=True)
        return x * torch.rsqrt(meanSquare + self.epsilon) * self.weight


class BitLinear(nn.Module):
    """Ternary linear layer, with an optional LoRA branch beside it.

    The branch reads the unquantized input: y = BitLinear(x) + (alpha/r) B A x.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * 0.02)
        self.loraA: Optional[nn.Parameter] = None
        self.loraB: Optional[nn.Parameter] = None
        self.loraScale = 0.0

    def addLora(self, rank: int, alpha: float) -> None:
        """Freezes the weight and adds a branch that starts at zero."""
        outputs, inputs = self.weight.shape
        bound = inputs**-0.5
        self.weight.requires_grad_(False)
        start = torch.empty(rank, inputs).uniform_(-bound, bound)
        self.loraA = nn.Parameter(start)
        self.loraB = nn.Parameter(torch.zeros(outputs, rank))
        self.loraScale = alpha / rank

    def forward(
        self, x: Tensor, q: Tensor, scale: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """x is the input, (q, scale) the same input quantized."""
        trits, weightScale = quantizeWeight(self.weight)
        y = F.linear(q.to(dtype), trits.to(dtype)).to(x.dtype)
        y = y * (weightScale / scale)
        if self.loraA is not None:
            branch = F.linear(F.linear(x, self.loraA), self.loraB)
            y = y + branch * self.loraScale
        return y


def rotateHalf(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the rotate-half order; x is [..., T, headDim]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat(
        (first * cos - second * sin, second * cos + first * sin), dim=-1
    )


class Block(nn.Module):
    """One transformer layer with sub-norms before Wo and Wdown."""

    def __init__(self, c: Config):
        super().__init__()
        width, kvWidth = c.embeddingLength, c.headDim * c.headCountKv
        self.config = c
        self.attnNorm = RMSNorm(width, c.rmsEpsilon)
        self.attnQ = BitLinear(width, width)
        self.attnK = BitLinear(width, kvWidth)
        self.attnV = BitLinear(width, kvWidth)
        self.attnSubNorm = RMSNorm(width, c.rmsEpsilon)
        self.attnOutput = BitLinear(width, width)
        self.ffnNorm = RMSNorm(width, c.rmsEpsilon)
        self.ffnGate = BitLinear(width, c.feedForwardLength)
        self.ffnUp = BitLinear(width, c.feedForwardLength)
        self.ffnSubNorm = RMSNorm(c.feedForwardLength, c.rmsEpsilon)
        self.ffnDown = BitLinear(c.feedForwardLength, width)

    def attention(self, x: Tensor, cos: Tensor, sin: Tensor, dtype) -> Tensor:
        c = self.config
        batch, length, width = x.shape
        h = self.attnNorm(x)
        q8, scale = quantizeActivations(h)

        def heads(linear: BitLinear, count: int) -> Tensor:
            y = linear(h, q8, scale, dtype)
            return y.view(batch, length, count, c.headDim).transpose(1, 2)

        q = rotateHalf(heads(self.attnQ, c.headCount), cos, sin)
        k = rotateHalf(heads(self.attnK, c.headCountKv), cos, sin)
        v = heads(self.attnV, c.headCountKv)
        shared = c.headCount // c.headCountKv
        a = F.scaled_dot_product_attention(
            q.to(dtype),
            k.repeat_interleave(shared, 1).to(dtype),
            v.repeat_interleave(shared, 1).to(dtype),
            is_causal=True,
        ).to(x.dtype)
        a = self.attnSubNorm(a.transpose(1, 2).reshape(batch, length, width))
        return self.attnOutput(a, *quantizeActivations(a), dtype)

    def feedForward(self, x: Tensor, dtype) -> Tensor:
        h = self.ffnNorm(x)
        q8, scale = quantizeActivations(h)
        gate = self.ffnGate(h, q8, scale, dtype)
        up = self.ffnUp(h, q8, scale, dtype)
        u = self.ffnSubNorm(F.silu(gate) * up)
        return self.ffnDown(u, *quantizeActivations(u), dtype)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, dtype) -> Tensor:
        x = x + self.attention(x, cos, sin, dtype)
        return x + self.feedForward(x, dtype)


class Transformer(nn.Module):
    """The whole network with a tied embedding."""

    def __init__(self, c: Config):
        super().__init__()
        self.config = c
        start = torch.randn(c.vocabSize, c.embeddingLength) * 0.05
        self.embedding = nn.Parameter(start)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.blockCount))
        self.outputNorm = RMSNorm(c.embeddingLength, c.rmsEpsilon)
        half = torch.arange(0, c.headDim, 2, dtype=torch.float64) / c.headDim
        positions = torch.arange(c.contextLength, dtype=torch.float64)
        angles = torch.outer(positions, c.ropeFreqBase**-half)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, tokens: Tensor, dtype=torch.float32) -> Tensor:
        """Logits [B, T, vocab] of tokens [B, T]; products in dtype."""
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = F.embedding(tokens, self.embedding)
        for block in self.blocks:
            x = block(x, cos, sin, dtype)
        x = self.outputNorm(x)
        return F.linear(x.to(dtype), self.embedding.to(dtype)).float()


def meanLoss(model: Transformer, rows: Tensor, dtype=torch.float32) -> Tensor:
    """Mean next-token loss in nats of rows [B, T+1]; -100 is masked."""
    logits = model(rows[:, :-1].clamp(min=0), dtype)
    return F.cross_entropy(
        logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=-100
    )
