# ===- compiler.py - From models to device binaries ------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compilation, as sterna-compile does it."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, Optional

from . import options as _options
from ._runtime import Error

try:
    from . import _compiler
except ImportError as error:
    _compiler = None  # type: ignore[assignment]
    # A package that was built without it is not broken.
    _lacks = (
        f"the compiler cannot be loaded: {error}"
        if importlib.util.find_spec("sterna._compiler")
        else "this package was built without the compiler: install one that was "
        "built where LLVM 22 is, or compile with sterna-compile"
    )

_SEVERITIES = ("error", "note", "notice", "report")

Progress = Callable[[str, Optional[float]], None]


class CompileError(Error):
    """Why a model could not be compiled.

    `notes` are further messages; `filename`, `line` and `column` say where in a
    file of IR, and are None elsewhere.
    """

    def __init__(self, message: str, notes: list[str]) -> None:
        super().__init__(message, notes)
        self.notes = notes
        place = re.match(r"(.+?):(\d+):(\d+): ", message)
        self.filename = place[1] if place else None
        self.line = int(place[2]) if place else None
        self.column = int(place[3]) if place else None

    def __str__(self) -> str:
        return "\n".join([self.args[0], *self.notes])


class _Messages:
    """What the compiler says."""

    def __init__(self) -> None:
        self._texts: list[tuple[str, str]] = []

    def add(self, text: str, severity: int) -> None:
        self._texts.append((_SEVERITIES[severity], text))

    def of(self, kind: str) -> list[str]:
        return [text for each, text in self._texts if each == kind]

    def error(self) -> CompileError:
        return CompileError(self.of("error")[0], self.of("note"))


def has_compiler() -> bool:
    """Whether the package has the compiler."""
    return _compiler is not None


def option_table() -> _options.Table:
    """The options of sterna-compile; raises sterna.Error without it."""
    if _compiler is None:
        raise Error(_lacks)
    return _compiler.options()


def compile(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
    **options: _options.Option | None,
) -> pathlib.Path:
    """Compile `model`, a GGUF file, a folder of Hugging Face or a file of ONNX,
    to `output`, by default the model's name with ".stn" in the working folder,
    and return that.

    `progress(step, seconds)` is called where a step begins, with None, and where
    it has ended. What sterna-compile would tell as a notice is a warning. Raises
    CompileError.

    Further keywords are the options of sterna-compile --help:
    """
    given = _options.to_pairs(options, option_table())
    source = pathlib.Path(model)
    target = pathlib.Path(output) if output else pathlib.Path(source.stem + ".stn")
    messages = _Messages()

    def tell(step: str, seconds: float) -> None:
        if progress:
            progress(step, None if seconds < 0 else seconds)

    if not _compiler.compile(str(source), str(target), given, messages.add, tell):
        raise messages.error()
    for text in messages.of("notice"):
        warnings.warn(text, stacklevel=2)
    return target


if _compiler is not None:
    _options.document(compile, option_table())


def ir(
    model: str | os.PathLike[str],
    phase: str = "import",
    **options: _options.Option | None,
) -> str:
    """The module of `model` after `phase`, as text: "import", "adapt",
    "differentiate", "optimize", "dispatch", "schedule" or "codegen". Keywords
    are those of `compile`."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "module.mlir")
        given: dict[str, Any] = {**options, "compile_to": phase}
        compile(model, path, **given)
        return pathlib.Path(path).read_text()


def opt(text: str, pipeline: str) -> str:
    """The module `text` after the passes of `pipeline`, as sterna-opt runs them:
    names with commas, or "builtin.module(...)". Raises CompileError."""
    option_table()  # says where there is no compiler
    messages = _Messages()
    result = _compiler.run_passes(text, pipeline, messages.add)
    if result is None:
        raise messages.error()
    return result
