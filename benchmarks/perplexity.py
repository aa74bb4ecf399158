#!/usr/bin/env python3
# ===- perplexity.py - What narrower types cost a model --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mean loss of a model with each of several sets of compiler options.

  perplexity.py MODEL DATA.jsonl VARIANT...
  perplexity.py models/sterna-kjv.gguf models/tuning/validation.jsonl \\
      kv_type=f32 kv_type=f16 kv_type=int8

A variant is options of sterna-compile as Python spells them, behind commas; the
first is what the others are compared with. The texts of DATA are cut into
windows of --window tokens, each read as a prompt is, through the cache of keys
and values, which sterna-run eval does not use. Python is one with the package
sterna.
"""

import argparse
import json
import math
import pathlib
import tempfile

import numpy as np
import sterna


def windows(model, path, size):
    """The tokens of all texts, BOS before each, in windows."""
    tokens = []
    for line in pathlib.Path(path).read_text().splitlines():
        row = json.loads(line)
        if "text" not in row:
            raise SystemExit(f"error: {path}: expected rows of text")
        tokens += model.encode(row["text"]).tolist()
    count = len(tokens) // size
    if count == 0:
        raise SystemExit(f"error: {path} has fewer than {size} tokens")
    return np.array(tokens[: count * size], np.int32).reshape(count, size)


def losses(model, rows):
    """The loss of each token but the first of each window, in f64."""
    result = []
    for row in rows:
        logits = model.logits(row)[:-1].astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        sums = np.log(np.exp(logits).sum(axis=1))
        result.append(sums - logits[np.arange(len(row) - 1), row[1:]])
    return np.concatenate(result)


def compile_variant(path, variant, size, folder):
    options = dict(part.split("=", 1) for part in variant.split(","))
    binary = pathlib.Path(folder) / "model.stn"
    sterna.compile(path, binary, no_train=True, max_context=size, **options)
    return sterna.load(binary)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("variants", nargs="+", metavar="VARIANT")
    parser.add_argument("--window", type=int, default=256)
    arguments = parser.parse_args()
    reference = None
    print(f"{'variant':<32} {'loss':>8} {'perplexity':>10} {'difference':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for variant in arguments.variants:
            model = compile_variant(
                arguments.model, variant, arguments.window, folder
            )
            rows = windows(model, arguments.data, arguments.window)
            loss = losses(model, rows).mean()
            reference = loss if reference is None else reference
            print(f"{variant:<32} {loss:8.4f} {math.exp(loss):10.3f} "
                  f"{loss - reference:+10.5f}", flush=True)  # fmt: skip
    print(f"{rows.size} tokens in windows of {arguments.window}")


if __name__ == "__main__":
    main()
