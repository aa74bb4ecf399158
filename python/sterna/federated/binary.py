# ===- binary.py - What a device binary offers to a federation -------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Device binaries that are looked at before they are run, or never run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from .. import _runtime
from ..memory import MemoryPlan
from .wire import Layout


@dataclass(frozen=True)
class Binary:
    """A file, and what it says of itself."""

    path: str
    module: _runtime.Module
    info: dict[str, Any]

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Binary:
        """Reads the description; no memory for the model is allocated. Raises
        sterna.Error for another file, ValueError for one without training."""
        module = _runtime.Module.load(os.fspath(path))
        info = json.loads(module.describe())
        if "train" not in MemoryPlan(info).keys():
            raise ValueError(
                f"'{path}' has no training programs: compile the model without "
                "--no-train"
            )
        return Binary(os.fspath(path), module, info)

    @property
    def rank(self) -> int:
        """The highest of adapters that it trains."""
        return int(self.info["config"]["lora_rank"])

    @property
    def train_peak(self) -> int:
        """The bytes that training needs, by the plan."""
        return MemoryPlan(self.info)["train"]["peak"]

    @property
    def layout(self) -> Layout:
        """That of its adapters."""
        return Layout.of(self.fresh_adapter(1, 0).matrices())

    def fresh_adapter(self, alpha: float, seed: int) -> _runtime.Adapter:
        """As a run on one machine begins with."""
        return _runtime.Adapter.create(self.module, alpha, seed)
