# ===- files.py - Files that are whole -------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that a kill at any moment leaves as they were or as they should be."""

from __future__ import annotations

import os
import pathlib
import tempfile


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Replaces `path`, whose folder is made. The content is on the disk when this
    returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: another process may write the same file.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
