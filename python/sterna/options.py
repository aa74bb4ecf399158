# ===- options.py - Keywords that are options ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options are those of the command line, whose tables the libraries have: a
keyword is the option's name with underscores.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Union

Option = Union[bool, int, float, str, Sequence[Any], Mapping[str, Any]]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # All digits of a float.
    return repr(value) if isinstance(value, float) else str(value)


def to_pairs(
    given: Mapping[str, Option | None], table: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Names and values as the libraries take them. None is the default; a list
    is its items with commas; a mapping is NAME=VALUE for each item. Raises
    TypeError for a keyword that is no option."""
    names = {name.replace("-", "_"): name for name, _ in table}
    pairs = []
    for keyword, value in given.items():
        if keyword not in names:
            near = difflib.get_close_matches(keyword, names, 1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise TypeError(f"unknown option {keyword}{hint}")
        if value is None:
            continue
        if isinstance(value, Mapping):
            items = [f"{key}={_text(item)}" for key, item in value.items()]
            pairs += [(names[keyword], item) for item in items]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            pairs.append((names[keyword], ",".join(map(_text, value))))
        else:
            pairs.append((names[keyword], _text(value)))
    return pairs


def describe(table: Sequence[tuple[str, str]]) -> str:
    """The options for a docstring."""
    lines = [
        f"    {name.replace('-', '_')}: {help}" for name, help in sorted(table)
    ]
    return "\n".join(lines)
