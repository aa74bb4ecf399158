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


def _progress(step: str, seconds: float | None) -> None:
    if seconds is not None and seconds >= 0.1:
        print(f"{step:<18} {seconds:.1f} s", file=sys.stderr)


def _add_options(
    parser: argparse.ArgumentParser, table: list[tuple[str, str]], title: str
) -> list[str]:
    """Adds the options of `table` that are not there; returns their keywords."""
    group = parser.add_argument_group(title)
    taken = set(parser._option_string_actions)
    keywords = []
    for name, text in table:
        if f"--{name}" in taken:
            continue
        keyword = name.replace("-", "_")
        group.add_argument(
            f"--{name}",
            dest=keyword,
            nargs="?",
            const="true",
            metavar="VALUE",
            help=text.replace("%", "%%"),
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


def _tune(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(arguments.model)
        if path.suffix != ".stn":
            path = sterna.compile(
                path,
                pathlib.Path(folder) / "model.stn",
                progress=_progress,
                **_given(arguments, arguments.compile_keywords),
            )
        model = sterna.load(path)
        print(model.memory_plan())
        options = {**_DEFAULTS, **_given(arguments, arguments.train_keywords)}
        if "max_steps" not in options and "epochs" not in options:
            options["max_steps"] = "300"
        chosen = ", ".join(f"{name} {value}" for name, value in options.items())
        held = arguments.validation or "a tenth of the rows"
        print(f"training with {chosen}; validation on {held}")
        history = model.train(
            arguments.data,
            validation=arguments.validation,
            validation_split=0.0 if arguments.validation else 0.1,
            callbacks=[_Reporter()],
            **options,
        )
        print(history)
        model.save_adapter(arguments.output)
        print(f"adapter             {arguments.output}")


#: What a first run is good with: the demo's rate and schedule.
_DEFAULTS = {
    "learning_rate": "5e-3",
    "lr_scheduler": "cosine",
    "warmup_ratio": "0.1",
}


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
    one = commands.add_parser("compile", help="a model to a device binary")
    one.add_argument("model")
    one.add_argument("-o", "--output")
    keywords = _add_options(one, compiler.option_table(), "options of the compiler")
    one.set_defaults(run=_compile, compile_keywords=keywords)
    two = commands.add_parser("tune", help="compile, plan, train, evaluate, save")
    two.add_argument("model", help="a model, or a device binary (.stn)")
    two.add_argument("--data", required=True, help="JSON lines or text")
    two.add_argument("--validation", help="data to measure before and after")
    two.add_argument("--output", default="tuned", help="folder for the adapter")
    train = _add_options(two, training.option_table(), "options of the run")
    keywords = _add_options(two, compiler.option_table(), "options of the compiler")
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
