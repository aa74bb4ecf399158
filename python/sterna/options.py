# ===- options.py - Keywords that are options ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options are those of the command line, whose tables the libraries have: a
keyword is the option's name with underscores.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np

Option = Union[bool, int, float, str, Sequence[Any], Mapping[str, Any]]

#: Name, placeholder of the value (empty for a flag) and help of each option.
Table = Sequence[tuple[str, str, str]]


def _text(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    # All digits of a float.
    return repr(value) if isinstance(value, float) else str(value)


def to_pairs(
    given: Mapping[str, Option | None], table: Table
) -> list[tuple[str, str]]:
    """Names and values as the libraries take them. None is the default; a list
    is its items with commas; a mapping is NAME=VALUE for each item. Raises
    TypeError for a keyword that is no option, and for another type."""
    names = {name.replace("-", "_"): name for name, _, _ in table}
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
        elif isinstance(value, (list, tuple)):
            pairs.append((names[keyword], ",".join(map(_text, value))))
        elif isinstance(value, (str, int, float, np.generic, os.PathLike)):
            pairs.append((names[keyword], _text(value)))
        else:
            raise TypeError(
                f"{keyword}: expected text, a number, a list or a mapping, but got "
                f"{type(value).__name__}"
            )
    return pairs


def document(function: Callable[..., Any], table: Table) -> None:
    """Adds the options to the docstring of `function`, whose keywords they are."""
    lines = [f"- {name.replace('-', '_')}: {help}" for name, _, help in sorted(table)]
    text = inspect.cleandoc(function.__doc__ or "")
    function.__doc__ = "\n".join([text, "", *lines])
