# ===- test_command.py - The command sterna --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re
import signal
import subprocess
import sys
import time

from conftest import MODELS


def sterna(*words, status=0):
    told = subprocess.run(
        [sys.executable, "-m", "sterna", *map(str, words)],
        capture_output=True,
        text=True,
    )
    assert told.returncode == status, told.stderr
    return told


def test_tunes_with_its_defaults(rows, held_out, tmp_path):
    told = sterna("tune", MODELS / "sterna-kjv.gguf", "--data", rows,
                  "--validation", held_out, "--output", tmp_path / "tuned")
    assert "max_steps 300" in told.stdout
    # As the demo, which has the same options; the last digits depend on the
    # machine's vectors.
    before, after = re.search(
        r"validation loss +([0-9.]+) -> ([0-9.]+)", told.stdout
    ).groups()
    assert abs(float(before) - 5.05) < 0.01 and abs(float(after) - 0.44) < 0.01
    assert (tmp_path / "tuned" / "adapter_config.json").exists()
    error = sterna("tune", MODELS / "sterna-kjv.gguf", "--data", rows,
                   "--output", tmp_path / "tuned", status=1).stderr
    assert "is not empty" in error


def test_options(binary, rows, tmp_path):
    flags = ["--data", rows, "--output", tmp_path / "t"]
    told = sterna("tune", "--no-shuffle", binary, *flags, "--max-steps=2",
                  "--warmup-steps", 1)
    assert "warmup_ratio" not in told.stdout
    error = sterna("tune", binary, "--seq-len=8", "--data", rows,
                   "--output", tmp_path / "u", status=1).stderr
    assert "--seq-len is about compiling" in error
    assert "validation_loss" not in sterna("info", binary).stdout
    assert "No such file" in sterna("compile", tmp_path / "no.gguf", status=1).stderr
    assert "--learning-rate NUMBER" in sterna("tune", "--help").stdout


def test_an_interrupt_saves(binary, rows, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "sterna", "tune", binary, "--data", rows,
         "--output", tmp_path / "tuned", "--max-steps=100000"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    while "step" not in process.stderr.readline():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert (tmp_path / "tuned" / "adapter_model.safetensors").exists()
