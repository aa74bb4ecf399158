# ===- check_lora.py - Fine-tunes in PyTorch for comparison --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Fine-tunes a checkpoint of train.py with a LoRA, in PyTorch.

Prints the held-out loss and a continuation before and after. Not part of any
test: it exists to choose the data, the learning rate and the number of steps
of the demonstration, and to have figures to compare it with.
"""

import argparse
import json
import math
import os
import sys
import time
from typing import List

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import tokenizer  # noqa: E402
from model import BitLinear, Config, Transformer, meanLoss  # noqa: E402

LENGTH = 128
IGNORED = -100


def readRows(name: str, processor) -> torch.Tensor:
    """Rows [n, LENGTH+1] of BOS, text, EOS, padded with IGNORED."""
    rows: List[torch.Tensor] = []
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        for line in file:
            tokens = processor.encode(json.loads(line)["text"])
            tokens = [tokenizer.BOS_ID, *tokens, tokenizer.EOS_ID]
            row = torch.full((LENGTH + 1,), IGNORED)
            count = min(len(tokens), LENGTH + 1)
            row[:count] = torch.tensor(tokens[:count])
            rows.append(row)
    return torch.stack(rows)


@torch.no_grad()
def evaluate(model: Transformer, rows: torch.Tensor) -> float:
    """Mean loss over all unmasked tokens."""
    total, count = 0.0, 0
    for part in rows.split(8):
        tokens = int((part[:, 1:] != IGNORED).sum())
        total += float(meanLoss(model, part)) * tokens
        count += tokens
    return total / count


@torch.no_grad()
def continueText(
    model: Transformer, processor, prompt: str, temperature: float
) -> str:
    """Up to 96 more tokens of prompt; temperature 0 takes the best token."""
    generator = torch.Generator().manual_seed(7)
    tokens = [tokenizer.BOS_ID, *processor.encode(prompt)]
    for _ in range(96):
        logits = model(torch.tensor([tokens]))[0, -1]
        if temperature == 0.0:
            token = int(logits.argmax())
        else:
            p = torch.softmax(logits / temperature, dim=-1)
            token = int(torch.multinomial(p, 1, generator=generator))
        if token == tokenizer.EOS_ID:
            break
        tokens.append(token)
    return processor.decode(tokens[1:])


def fineTune(
    model: Transformer, rows: torch.Tensor, steps: int, peak: float
) -> None:
    """One row a step, AdamW, cosine with a tenth of warm-up."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=0.01)
    generator = torch.Generator().manual_seed(3)
    order = torch.randperm(len(rows), generator=generator)
    warmup = max(1, steps // 10)
    for step in range(steps):
        progress = max(0, step - warmup) / max(1, steps - warmup)
        cosine = 0.5 + 0.5 * math.cos(math.pi * progress)
        rate = min((step + 1) / warmup, cosine)
        optimizer.param_groups[0]["lr"] = peak * rate
        meanLoss(model, rows[order[step % len(rows)]][None]).backward()
        optimizer.step()
        optimizer.zero_grad()


def parseArguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="sterna-kjv.pt")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--alpha", type=float, default=16.0)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--prompt", action="append", default=[])
    parser.add_argument("--temperature", type=float, default=0.0)
    return parser.parse_args()


def main() -> None:
    arguments = parseArguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    saved = torch.load(arguments.checkpoint)
    processor = tokenizer.loadTokenizer(saved["vocabulary"])
    model = Transformer(Config())
    model.load_state_dict(saved["model"])
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, BitLinear):
            module.addLora(arguments.rank, arguments.alpha)
    training = readRows("train.jsonl", processor)
    validation = readRows("validation.jsonl", processor)

    def report(title: str) -> None:
        print(f"{title}: held-out loss {evaluate(model, validation):.4f}")
        for prompt in arguments.prompt:
            text = continueText(model, processor, prompt, arguments.temperature)
            print(f"  {text}")

    report("before")
    began = time.time()
    fineTune(model, training, arguments.steps, arguments.learning_rate)
    print(f"{arguments.steps} steps in {time.time() - began:.1f} s")
    report("after")


if __name__ == "__main__":
    main()
