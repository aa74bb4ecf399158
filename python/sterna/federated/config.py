# ===- config.py - Settings of nodes and runs ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flower's configurations, read without silence about what is not right."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

_Number = TypeVar("_Number", int, float)


class Config:
    """Keys and values, of which an empty text is none."""

    def __init__(
        self, what: str, values: Mapping[str, Any], known: Iterable[str]
    ) -> None:
        """Raises ValueError for a key that is not `known`."""
        self._what = what
        names = list(known)
        for key in values:
            if key not in names:
                near = difflib.get_close_matches(key, names, 1)
                hint = f", did you mean {near[0]}?" if near else ""
                raise ValueError(f"{what} has the unknown key {key}{hint}")
        self._values = {key: each for key, each in values.items() if each != ""}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """Raises ValueError where there is neither value nor default."""
        value = self._values.get(key, default)
        if value is None:
            raise ValueError(f"{self._what} does not say its {key}")
        return str(value)

    def optional(self, key: str) -> str | None:
        """None where there is no value."""
        return self.text(key) if key in self else None

    def number(self, key: str, default: float | None = None) -> float:
        """Raises ValueError for what is no number."""
        return self._parse(key, default, float, "a number")

    def integer(self, key: str, default: int | None = None) -> int:
        """Raises ValueError for what is no integer."""
        return self._parse(key, default, int, "an integer")

    def _parse(
        self, key: str, default: Any, kind: Callable[[str], _Number], what: str
    ) -> _Number:
        text = self.text(key, None if default is None else str(default))
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{key}: expected {what}, but got '{text}'") from None

    def flag(self, key: str) -> bool:
        """Whether it is true; raises ValueError for what is neither."""
        text = self.text(key, "false").lower()
        if text not in ("true", "false"):
            raise ValueError(f"{key}: expected true or false, but got '{text}'")
        return text == "true"

    def chosen(self, names: Iterable[str]) -> dict[str, Any]:
        """Values of those of `names` that have one."""
        return {name: self._values[name] for name in names if name in self}
