# ===- __main__.py - The command sterna ------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""sterna compile | tune | info, from Python alone."""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time
from typing import Any

import sterna
from sterna import compiler, training
from sterna.options import Table

#: What a first run is good with: the demo's steps, rate and schedule. An option
#: that is given takes the place of those that it excludes.
_DEFAULTS = {
    "max_steps": ("300", ("epochs",)),
    "learning_rate": ("5e-3", ()),
    "lr_scheduler": ("cosine", ()),
    "warmup_ratio": ("0.1", ("warmup_steps",)),
}


def _progress(step: str, seconds: float | None) -> None:
    if seconds is not None and seconds >= 0.1:
        print(f"{step:<18} {seconds:.1f} s", file=sys.stderr)


def _add_options(
    parser: argparse.ArgumentParser, table: Table, title: str
) -> list[str]:
    """Adds the options of `table`; returns their keywords."""
    group = parser.add_argument_group(title)
    keywords = []
    for name, placeholder, text in table:
        keyword = name.replace("-", "_")
        help_text = text.replace("%", "%%")
        if placeholder:
            group.add_argument(
                f"--{name}", dest=keyword, metavar=placeholder, help=help_text
            )
        else:
            group.add_argument(
                f"--{name}",
                dest=keyword,
                action="store_const",
                const="true",
                help=help_text,
            )
        keywords.append(keyword)
    return keywords


def _given(arguments: argparse.Namespace, keywords: list[str]) -> dict[str, Any]:
    values = ((each, getattr(arguments, each)) for each in keywords)
    return {keyword: value for keyword, value in values if value is not None}


def _compile(arguments: argparse.Namespace) -> None:
    options = _given(arguments, arguments.compile_keywords)
    output = sterna.compile(
        arguments.model, arguments.output, progress=_progress, **options
    )
    print(output)


class _Reporter:
    """Prints a line a second."""

    def __init__(self) -> None:
        self._last = 0.0

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any]
    ) -> None:
        if time.monotonic() - self._last < 1 and logs["step"] != state.max_steps:
            return
        self._last = time.monotonic()
        speed = logs["tokens"] / max(logs["seconds"], 1e-9)
        print(
            f"step {logs['step']}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"lr {logs['learning_rate']:.2e}  {speed:.0f} tokens/s",
            file=sys.stderr,
        )


def _prepare(arguments: argparse.Namespace, folder: str) -> pathlib.Path:
    """The device binary, compiled unless it is one."""
    path = pathlib.Path(arguments.model)
    options = _given(arguments, arguments.compile_keywords)
    if path.suffix != ".stn":
        return sterna.compile(
            path, pathlib.Path(folder) / "model.stn", progress=_progress, **options
        )
    if options:
        name = next(iter(options)).replace("_", "-")
        raise ValueError(f"--{name} is about compiling, but {path} is compiled")
    return path


def _choose(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the run, with defaults."""
    options = _given(arguments, arguments.train_keywords)
    for name, (value, excluded) in _DEFAULTS.items():
        if not any(each in options for each in excluded):
            options.setdefault(name, value)
    return options


def _tune(arguments: argparse.Namespace) -> None:
    output = pathlib.Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()) and not arguments.overwrite:
        raise ValueError(
            f"the output folder '{output}' is not empty: choose another or use "
            "--overwrite"
        )
    with tempfile.TemporaryDirectory() as folder:
        model = sterna.load(_prepare(arguments, folder))
        print(model.memory_plan())
        options = _choose(arguments)
        chosen = ", ".join(f"{name} {value}" for name, value in options.items())
        held = arguments.validation or "a tenth of the rows"
        print(f"training with {chosen}; validation on {held}")
        try:
            model.train(
                arguments.data,
                validation=arguments.validation,
                validation_split=0.0 if arguments.validation else 0.1,
                callbacks=[_Reporter()],
                **options,
            )
        finally:
            # An interrupt keeps what was learnt.
            if model.history.steps:
                print(model.history)
                model.save_adapter(output)
                print(f"adapter             {output}")


def _info(arguments: argparse.Namespace) -> None:
    model = sterna.load(arguments.model)
    print(model)
    print(model.memory_plan())


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sterna",
        description="Compile and fine-tune ternary language models.",
        epilog="sterna COMMAND --help has the options of each.",
    )
    parser.add_argument("--version", action="version", version=sterna.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # A package without the compiler takes device binaries alone.
    table = compiler.option_table() if compiler.has_compiler() else []
    one = commands.add_parser("compile", help="a model to a device binary")
    one.add_argument("model")
    one.add_argument("-o", "--output", help="by default MODEL.stn in this folder")
    keywords = _add_options(one, table, "options of the compiler")
    one.set_defaults(run=_compile, compile_keywords=keywords)
    two = commands.add_parser("tune", help="compile, plan, train, evaluate, save")
    two.add_argument("model", help="a model, or a device binary (.stn)")
    two.add_argument("--data", required=True, help="JSON lines or text")
    two.add_argument(
        "--validation",
        help="data to measure before and after (default: a tenth of the rows)",
    )
    two.add_argument(
        "--output", default="tuned", help="folder for the adapter (default tuned)"
    )
    two.add_argument(
        "--overwrite",
        action="store_true",
        help="write into an output folder that is not empty",
    )
    train = _add_options(two, training.option_table(), "options of the run")
    keywords = _add_options(two, table, "options of the compiler")
    two.set_defaults(run=_tune, train_keywords=train, compile_keywords=keywords)
    three = commands.add_parser("info", help="what a device binary holds")
    three.add_argument("model")
    three.set_defaults(run=_info)
    return parser


def main() -> int:
    """Runs the command; returns its status."""
    arguments = _make_parser().parse_args()
    try:
        arguments.run(arguments)
    except (sterna.Error, ValueError, OSError) as error:
        print(f"sterna: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sterna: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
