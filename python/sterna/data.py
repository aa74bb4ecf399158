# ===- data.py - Rows to train on ------------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whatever holds rows, as the runtime's data."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _runtime

#: A path of JSON lines or text; or rows: mappings as docs/training.md has them,
#: as of a `datasets.Dataset`, texts, or arrays of token ids.
Rows = Union[str, "os.PathLike[str]", Iterable[Any], _runtime.Data]


def to_tokens(values: Any) -> NDArray[np.int32]:
    """Token ids as the runtime takes them, without a copy where they are i32."""
    # NumPy alone does not look for DLPack.
    if hasattr(values, "__dlpack__") and not isinstance(values, np.ndarray):
        values = np.from_dlpack(values)
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"expected token ids in one dimension, but got {array.dtype} of "
            f"shape {array.shape}"
        )
    tokens = np.ascontiguousarray(array, np.int32)
    if not np.array_equal(tokens, array):
        raise ValueError("expected token ids of at most 31 bits")
    return tokens


def _plain(value: Any) -> Any:
    """What JSON has for a value of NumPy."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"expected text, numbers or lists, but got {type(value)}")


def load_data(
    module: _runtime.Module, rows: Rows, assistant_only: bool = False
) -> _runtime.Data:
    """`rows` as data of `module`. Raises sterna.Error where the file or a row is
    not right, naming it."""
    if isinstance(rows, _runtime.Data):
        return rows
    data = _load(module, rows, assistant_only)
    for notice in data.notices:
        warnings.warn(notice, stacklevel=4)
    return data


def _load(
    module: _runtime.Module, rows: Any, assistant_only: bool
) -> _runtime.Data:
    if isinstance(rows, (str, os.PathLike)):
        return _runtime.Data.load(module, os.fspath(rows), assistant_only)
    if isinstance(rows, (bytes, Mapping)):
        raise TypeError(
            f"expected a path or rows, but got {type(rows).__name__}: of several "
            "sets of rows, choose one"
        )
    listed = list(rows)
    if listed and all(not isinstance(row, (str, Mapping)) for row in listed):
        if assistant_only:
            raise ValueError("assistant_only_loss: expected rows that say who "
                             "speaks, but got token ids")
        return _runtime.Data.create(
            module, [(to_tokens(row), None) for row in listed]
        )
    lines = []
    for number, row in enumerate(listed):
        if not isinstance(row, (str, Mapping)):
            raise TypeError(
                f"row {number}: expected a mapping or a text, as other rows are, "
                f"but got {type(row).__name__}"
            )
        # Columns that a row does not have are None in a datasets.Dataset.
        content = (
            {"text": row}
            if isinstance(row, str)
            else {key: value for key, value in row.items() if value is not None}
        )
        lines.append(json.dumps(content, default=_plain, ensure_ascii=False))
    return _runtime.Data.parse(module, "\n".join(lines), assistant_only)
