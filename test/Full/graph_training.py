#!/usr/bin/env python3
# ===- graph_training.py - Trained graphs against PyTorch ------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train what graph_golden.py has exported, and compare with PyTorch.

  graph_training.py FOLDER [compiler flags]

Losses of 50 steps within 1e-5 relative; gradients of the first batch within
1e-5 of the largest of each parameter. sterna-compile and sterna-run are those
of PATH.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np

FOLDER = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from adapter import read_safetensors  # noqa: E402


def run(*command):
    result = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True
    )
    if result.returncode:
        sys.exit(" ".join(map(str, command)) + "\n" + result.stderr)
    return result.stdout


module, data = FOLDER / "model.stn", FOLDER / "data.npz"
run("sterna-compile", FOLDER / "model.onnx", "-o", module, "--train=loss",
    "--trainable=.*weight|.*bias", *sys.argv[2:])
golden = np.load(FOLDER / "golden.npz")

run("sterna-run", "grad", module, "--data", data, "-o", FOLDER / "grad.safetensors")
worst = 0
gradients = read_safetensors(FOLDER / "grad.safetensors")
names = {key[len("gradient.") :] for key in golden if key.startswith("gradient.")}
assert gradients.keys() == names, gradients.keys() ^ names
for name, gradient in gradients.items():
    expected = golden["gradient." + name]
    worst = max(worst, np.abs(gradient - expected).max() / np.abs(expected).max())

summary = run("sterna-run", "train", module, "--data", data, "--output",
              FOLDER / "tuned", "--overwrite", "--no-shuffle", "--max-steps", 50,
              "--learning-rate", 3e-3, "--weight-decay", 0.01, "--grad-clip", 1,
              "--json")
losses = np.array(json.loads(summary.splitlines()[-1])["losses"])
error = (np.abs(losses - golden["losses"]) / golden["losses"]).max()
print(f"{FOLDER.name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, "
      f"losses {error:.1e}, gradients {worst:.1e}")
assert len(losses) == 50 and error < 1e-5 and worst < 1e-5
