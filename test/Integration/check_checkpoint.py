#!/usr/bin/env python3
# ===- check_checkpoint.py - A compiled checkpoint against transformers ----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Makes a random checkpoint of a family, compiles it with and without the
# quantizer of activations, and compares logits and LoRA gradients with the
# golden files, which transformers made.
# ===----------------------------------------------------------------------=== #
"""Compare compiled checkpoints with what transformers computes of them.

  check_checkpoint.py FAMILY DIR [--graph=FILE.onnx] [OPTION ...]

With a graph, that is compiled in place of the checkpoint it was exported from.
OPTIONs go to sterna-compile. Without the quantizer, logits may differ by 1e-3
of the largest and each matrix of gradients by 1e-4 of its norm; as published,
the rms of the difference may be 1% of that of the logits.
"""

import json
import os
import subprocess
import sys

import numpy as np

ORACLE = os.path.join(os.path.dirname(__file__), "..", "oracle")
sys.path.insert(0, ORACLE)
import make_checkpoint  # noqa: E402
from adapter import read_safetensors, write_adapter  # noqa: E402

# As in checkpoint_golden.py, which needs PyTorch.
IDS = [(7 * i * i + 3 * i + 5) % make_checkpoint.VOCABULARY for i in range(24)]


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return result.stdout.decode()


class Case:
    def __init__(self, family, folder, options):
        self.family, self.folder, self.options = family, folder, options
        checkpoint = make_checkpoint.Checkpoint(family)
        checkpoint.write(self.at("model"))
        self.model = self.at("model")
        if options and options[0].startswith("--graph="):
            self.model = options[0].removeprefix("--graph=")
            self.options = [f"--tokenizer={self.at('model')}", *options[1:]]
        self.config = checkpoint.config
        write_adapter(
            self.at("adapter"),
            checkpoint.adapter_matrices(),
            make_checkpoint.RANK,
            make_checkpoint.ALPHA,
        )
        with open(self.at("data.jsonl"), "w") as file:
            json.dump({"input_ids": IDS, "labels": IDS}, file)
        path = os.path.join(ORACLE, "golden", "checkpoints", family)
        self.golden = read_safetensors(path + ".safetensors")
        self.good = True

    def at(self, name):
        return os.path.join(self.folder, name)

    def compile(self, name, *options):
        run(
            *("sterna-compile", self.model, "-o", self.at(name)),
            *("--seq-len=24", "--kv-type=f32", f"--lora-rank={make_checkpoint.RANK}"),
            *(*options, *self.options),
        )

    def report(self, what, figure, bound):
        good = figure <= bound
        self.good &= bool(good)
        print(f"{what}: {figure:.2e} of {bound:.0e}", "" if good else "BAD")

    def logits(self, model):
        ids = ",".join(map(str, IDS))
        run("sterna-run", "logits", model, "--input-ids", ids, "-o",
            self.at("logits.npy"))
        return np.load(self.at("logits.npy")).astype(np.float64)

    def check_logits(self, model, key):
        golden = self.golden[key].astype(np.float64)
        difference = self.logits(self.at(model)) - golden
        if key == "logits.float":
            worst = np.abs(difference).max() / np.abs(golden).max()
            self.report("logits without quantizer", worst, 1e-3)
        else:
            rms = np.sqrt(np.mean(difference**2) / np.mean(golden**2))
            self.report("logits as published, rms", rms, 1e-2)

    def check_gradients(self, model):
        told = run("sterna-run", "grad", self.at(model), "--data",
                   self.at("data.jsonl"), "--adapter", self.at("adapter"),
                   "-o", self.at("gradients.safetensors"), "--json")
        loss = json.loads(told.splitlines()[-1])["loss"]
        golden = float(self.golden["loss.float"][0])
        self.report("loss", abs(loss - golden) / golden, 1e-5)
        found = read_safetensors(self.at("gradients.safetensors"))
        worst, count = 0, 0
        for name, values in self.golden.items():
            if ".lora_" not in name:
                continue
            values = values.astype(np.float64)
            difference = np.linalg.norm(found.pop(name) - values)
            worst = max(worst, difference / np.linalg.norm(values))
            count += 1
        if found or count != 14 * make_checkpoint.LAYERS:
            sys.exit(f"error: {count} gradients, and besides {sorted(found)}")
        self.report("gradients", worst, 1e-4)


def main():
    family, folder, *options = sys.argv[1:]
    case = Case(family, folder, options)
    case.compile("float.stn", "--activations=float")
    case.check_logits("float.stn", "logits.float")
    case.check_gradients("float.stn")
    # Without a quantizer, the model as published is the same.
    if "quant_method" in case.config.get("quantization_config", {}):
        case.compile("model.stn", "--no-train")
        case.check_logits("model.stn", "logits")
    sys.exit(not case.good)


main()
