# ===- files.py - Files that are whole -------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that a kill at any moment leaves as they were or as they should be."""

from __future__ import annotations

import os
import pathlib


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Replaces `path`, whose folder is made. The content is on the disk when this
    returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
