# ===- __init__.py - The Python package of Sterna --------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile, run and fine-tune ternary language models::

    import sterna

    sterna.compile("model.gguf", "model.stn")
    model = sterna.load("model.stn")
    history = model.train("chats.jsonl", max_steps=100, learning_rate=1e-3)
    print("".join(model.generate("Once upon a time", max_tokens=32)))
    model.save_adapter("tuned")

Everything is computed by the compiler and the runtime that sterna-compile and
sterna-run have: equal inputs give equal bits there and here.
"""

from ._runtime import Error
from .compiler import CompileError, compile, ir, opt
from .memory import MemoryPlan
from .model import Evaluation, Model, load
from .profile import Profile
from .training import History, ProgressBar, Step, Trainer

__version__ = "0.1.0"
__all__ = [
    "CompileError",
    "Error",
    "Evaluation",
    "History",
    "MemoryPlan",
    "Model",
    "Profile",
    "ProgressBar",
    "Step",
    "Trainer",
    "compile",
    "ir",
    "load",
    "opt",
]
