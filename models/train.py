# ===- train.py - Trains the embedded model ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Quantization-aware training of the model that `./bootstrap` demonstrates.

Run `python3 models/train.py` from a checkout; README.md beside this file says
what it needs and what it gave. Nothing in the build runs it: the GGUF file is
kept in the repository.
"""

import argparse
import math
import os
import time
from typing import List, Tuple

import torch

import corpus
import export
import tokenizer
from model import Config, Transformer, meanLoss

HERE = os.path.dirname(os.path.abspath(__file__))

TOKENS_PER_STEP = 1024
LEARNING_RATE = 2e-3
FINAL_LEARNING_RATE = 4e-5
WARMUP_STEPS = 200
REPORT_STEPS = 250
WEIGHT_DECAY = 0.05
SHORT_LENGTH, LONG_LENGTH = 128, 256
# Most positions are learnt on short windows, which cost less attention; the
# last part of the run teaches the rest of the context.
LONG_FROM = 0.8


class Text:
    """Token stream of some chapters and where each verse starts in it."""

    def __init__(self, chapters: List[corpus.Chapter], processor) -> None:
        stream: List[int] = []
        starts: List[int] = []
        for chapter in chapters:
            stream.append(tokenizer.BOS_ID)
            for verse in processor.encode(chapter.verses):
                starts.append(len(stream))
                stream += verse
            stream.append(tokenizer.EOS_ID)
        self.stream = torch.tensor(stream)
        self.starts = torch.tensor(starts)

    def sample(
        self, count: int, length: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Rows [count, length+1]: BOS and then text from a verse's start."""
        usable = int((self.starts <= len(self.stream) - length).sum())
        picks = torch.randint(usable, (count, 1), generator=generator)
        rows = self.stream[self.starts[picks] + torch.arange(length)]
        bos = torch.full((count, 1), tokenizer.BOS_ID)
        return torch.cat((bos, rows), dim=1)

    def windows(self, length: int) -> torch.Tensor:
        """All text as rows [n, length+1], each token predicted once."""
        count = len(self.stream) // length
        rows = self.stream[: count * length].view(count, length)
        bos = torch.full((count, 1), tokenizer.BOS_ID)
        return torch.cat((bos, rows), dim=1)


def evaluate(model: Transformer, rows: torch.Tensor) -> float:
    """Mean loss in nats per token, in float32."""
    with torch.no_grad():
        losses = [meanLoss(model, part) for part in rows.split(8)]
        weights = [len(part) for part in rows.split(8)]
    return sum(float(l) * w for l, w in zip(losses, weights)) / sum(weights)


def learningRate(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine."""
    if step < WARMUP_STEPS:
        return LEARNING_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    half = 0.5 * (1.0 + math.cos(math.pi * progress))
    return FINAL_LEARNING_RATE + (LEARNING_RATE - FINAL_LEARNING_RATE) * half


def makeOptimizer(model: Transformer) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    parameters = list(model.parameters())
    groups = [
        {
            "params": [p for p in parameters if p.dim() > 1],
            "weight_decay": WEIGHT_DECAY,
        },
        {
            "params": [p for p in parameters if p.dim() == 1],
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


def train(
    model: Transformer,
    training: Text,
    heldOut: torch.Tensor,
    steps: int,
    checkpoint: str,
    vocabulary: bytes,
) -> None:
    """Trains in place; writes the checkpoint every REPORT_STEPS."""
    optimizer = makeOptimizer(model)
    generator = torch.Generator().manual_seed(1)
    began = time.time()
    running = 0.0
    for step in range(steps):
        long = step >= LONG_FROM * steps
        length = LONG_LENGTH if long else SHORT_LENGTH
        rows = training.sample(TOKENS_PER_STEP // length, length, generator)
        for group in optimizer.param_groups:
            group["lr"] = learningRate(step, steps)
        loss = meanLoss(model, rows, torch.bfloat16)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        running += float(loss.detach())
        if (step + 1) % REPORT_STEPS == 0 or step + 1 == steps:
            mean = running / ((step % REPORT_STEPS) + 1)
            running = 0.0
            print(
                f"step {step + 1} loss {mean:.4f}"
                f" held-out {evaluate(model, heldOut):.4f}"
                f" time {time.time() - began:.0f} s",
                flush=True,
            )
            torch.save(
                {"model": model.state_dict(), "vocabulary": vocabulary},
                checkpoint,
            )


def parseArguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--checkpoint", default="sterna-kjv.pt")
    parser.add_argument(
        "--output", default=os.path.join(HERE, "sterna-kjv.gguf")
    )
    parser.add_argument(
        "--export-only",
        action="store_true",
        help="export the checkpoint without training",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parseArguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Config()
    model = Transformer(config)
    trainingChapters, heldOutChapters = corpus.splitHeldOut(corpus.readBible())
    if arguments.export_only:
        saved = torch.load(arguments.checkpoint)
        model.load_state_dict(saved["model"])
        vocabulary = saved["vocabulary"]
    else:
        verses = [v for c in trainingChapters for v in c.verses]
        vocabulary = tokenizer.trainTokenizer(verses, config.vocabSize)
    processor = tokenizer.loadTokenizer(vocabulary)
    heldOut = Text(heldOutChapters, processor).windows(SHORT_LENGTH)
    if not arguments.export_only:
        train(
            model,
            Text(trainingChapters, processor),
            heldOut,
            arguments.steps,
            arguments.checkpoint,
            vocabulary,
        )
    export.writeModel(model, processor, arguments.output)
    print(f"held-out loss {evaluate(model, heldOut):.4f} nats per token")
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
