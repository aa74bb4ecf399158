# ===- profile.py - Where the time went ------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each kernel took."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .tables import Tabular


@dataclass(frozen=True)
class KernelTime:
    """Calls of a kernel and their seconds, a mean over the threads. The waiting
    is one without tier and calls."""

    kernel: str
    calls: int
    seconds: float
    tier: str
    location: str


class Profile(Tabular, list[KernelTime]):
    """Kernels in falling order of time. Notebooks show it as a table."""

    @classmethod
    def parse(cls, text: str) -> Profile:
        """What the runtime says."""
        return cls(KernelTime(**row) for row in json.loads(text))

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        total = sum(row.seconds for row in self) or 1.0
        rows = [
            [
                row.kernel,
                str(row.calls),
                f"{row.seconds * 1e3:.3f}",
                f"{100 * row.seconds / total:.1f}%",
                row.tier,
            ]
            for row in self
        ]
        return ["kernel", "calls", "ms", "share", "tier"], rows
