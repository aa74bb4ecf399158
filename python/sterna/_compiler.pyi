# ===- _compiler.pyi - Types of the bindings of sterna-c/Compiler.h --------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

from collections.abc import Callable, Sequence

def options() -> list[tuple[str, str, str]]: ...
def compile(
    input: str,
    output: str,
    options: Sequence[tuple[str, str]],
    message: Callable[[str, int], None] | None,
    progress: Callable[[str, float], None] | None,
) -> bool: ...
def run_passes(
    text: str, pipeline: str, message: Callable[[str, int], None] | None
) -> str | None: ...
