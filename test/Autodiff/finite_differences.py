#!/usr/bin/env python3
"""Compares gradients with central finite differences in f64.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: finite_differences.py FILE.mlir [--function NAME]... [--gradients OTHER.mlir]

Checks each function of FILE (or those named) that returns one f64 scalar:
differentiates it with sterna-opt, runs `NAME_vjp` and `NAME` with sterna-interp
(both on PATH), and compares every element of every gradient. `NAME_vjp` comes
from OTHER where that is given. FILE has functions at its top level.

Inputs are random in [-1, 1], or as a comment above the function says:
    // RANGE argument low high        of float or integer inputs
    // STEP h                         of the differences (1e-5)
    // TOLERANCE t                    of the relative error (1e-6)
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FUNCTION = re.compile(
    r"((?:^[ \t]*//[^\n]*\n)*)^[ \t]*func\.func (?:private )?@(\w+)\((.*?)\)\s*->\s*"
    r"(\([^)]*\)|\S+) *\{", re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(r"%(\w+):\s*(tensor<[^>]*>|\w+)")
NUMPY = {"f64": np.float64, "f32": np.float32, "i32": np.int32, "i8": np.int8,
         "!tern.trit": np.int8}


class Function:
    """A function of the file: its arguments, result and directives."""

    def __init__(self, match):
        comments, self.name, arguments, self.result = match.groups()
        self.arguments = ARGUMENT.findall(arguments)
        self.ranges, self.step, self.tolerance = {}, 1e-5, 1e-6
        for words in (line.strip("/ \t").split() for line in comments.split("\n")):
            if words[:1] == ["RANGE"]:
                self.ranges[words[1]] = (float(words[2]), float(words[3]))
            elif words[:1] == ["STEP"]:
                self.step = float(words[1])
            elif words[:1] == ["TOLERANCE"]:
                self.tolerance = float(words[1])


def shape_and_element(type_):
    """Shape and element type; the shape of a scalar is None."""
    if not type_.startswith("tensor<"):
        return None, type_
    *extents, element = type_[len("tensor<"):-1].split("x")
    return tuple(int(extent) for extent in extents), element


def is_float_tensor(type_):
    shape, element = shape_and_element(type_)
    return shape is not None and element == "f64"


def random_inputs(function, rng):
    inputs = []
    for name, type_ in function.arguments:
        shape, element = shape_and_element(type_)
        if element not in NUMPY:
            raise SystemExit(f"{function.name}: cannot make inputs of {type_}")
        low, high = function.ranges.get(name, (-1, 1))
        if element.startswith("f"):
            value = rng.uniform(low, high, shape or ())
        else:
            value = rng.integers(int(low), int(high) + 1, shape or ())
        inputs.append(np.asarray(value, NUMPY[element]))
    return inputs


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(" ".join(map(str, command)) + "\n" + done.stderr)


def interpret(path, name, inputs, num_outputs, folder):
    """Results of function `name` for `inputs`."""
    command = ["sterna-interp", path, f"--function={name}"]
    for index, value in enumerate(inputs):
        np.save(folder / f"in{index}.npy", value)
        command.append(f"--input={folder}/in{index}.npy")
    outputs = [folder / f"out{index}.npy" for index in range(num_outputs)]
    run(command + [f"--output={output}" for output in outputs])
    return [np.load(output) for output in outputs]


def batch_function(function, count):
    """IR that runs the function on `count` inputs stacked along dimension 0."""
    parameters, loads, values = [], [], []
    for name, type_ in function.arguments:
        shape, element = shape_and_element(type_)
        shape = shape or ()
        stacked = "x".join(map(str, (count, *shape, element)))
        parameters.append(f"%in_{name}: tensor<{stacked}>")
        if type_.startswith("tensor<"):
            zeros = ", 0" * len(shape)
            extents = "".join(f", {extent}" for extent in shape)
            ones = ", 1" * len(shape)
            loads.append(f"%v_{name} = tensor.extract_slice %in_{name}[%i{zeros}] "
                         f"[1{extents}] [1{ones}] : tensor<{stacked}> to {type_}")
        else:
            loads.append(f"%v_{name} = tensor.extract %in_{name}[%i] : "
                         f"tensor<{stacked}>")
        values.append(f"%v_{name}")
    types = ", ".join(type_ for _, type_ in function.arguments)
    scalar = "%y"
    if function.result.startswith("tensor<"):
        loads_result = f"%s = tensor.extract %y[] : {function.result}"
        scalar = "%s"
    else:
        loads_result = ""
    body = "\n    ".join(loads)
    return f"""
func.func @finite_differences({", ".join(parameters)}) -> tensor<{count}xf64> {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant {count} : index
  %init = tensor.empty() : tensor<{count}xf64>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %init) -> (tensor<{count}xf64>) {{
    {body}
    %y = func.call @{function.name}({", ".join(values)}) : ({types}) -> {function.result}
    {loads_result}
    %next = tensor.insert {scalar} into %acc[%i] : tensor<{count}xf64>
    scf.yield %next : tensor<{count}xf64>
  }}
  return %r : tensor<{count}xf64>
}}
"""


def numeric_gradients(path, function, inputs, folder):
    """Value at `inputs` and central differences for each float tensor."""
    points = [list(inputs)]
    for index, (_, type_) in enumerate(function.arguments):
        if not is_float_tensor(type_):
            continue
        for element in range(inputs[index].size):
            for sign in (1, -1):
                moved = inputs[index].copy()
                moved.reshape(-1)[element] += sign * function.step
                points.append([*inputs[:index], moved, *inputs[index + 1:]])
    stacked = [np.stack(values) for values in zip(*points)]
    batch = folder / "batch.mlir"
    batch.write_text(path.read_text() + batch_function(function, len(points)))
    values = interpret(batch, "finite_differences", stacked, 1, folder)[0]
    differences = (values[1::2] - values[2::2]) / (2 * function.step)
    gradients, start = [], 0
    for value, (_, type_) in zip(inputs, function.arguments):
        if is_float_tensor(type_):
            gradients.append(differences[start:start + value.size]
                             .reshape(value.shape))
            start += value.size
    return values[0], gradients


def functions_of(path):
    return [Function(match) for match in FUNCTION.finditer(path.read_text())]


def check(path, function, rng, folder, derived=None):
    """Relative errors of the gradients, by argument; raises on a wrong value."""
    inputs = random_inputs(function, rng)
    vjp = f"{function.name}_vjp"
    if not derived:
        derived = folder / "vjp.mlir"
        run(["sterna-opt", path,
             f"--sterna-differentiate=function={function.name}", "-o", derived])
    names = [name for name, type_ in function.arguments if is_float_tensor(type_)]
    value, *gradients = interpret(derived, vjp, inputs, 1 + len(names), folder)
    expected, differences = numeric_gradients(path, function, inputs, folder)
    if not np.array_equal(value, expected, equal_nan=True):
        raise SystemExit(f"{vjp}: expected the value {expected}, but got {value}")
    errors = {}
    for name, gradient, difference in zip(names, gradients, differences):
        scale = 1e-3 + np.max(np.abs(difference), initial=0)
        error = np.max(np.abs(gradient - difference), initial=0) / scale
        errors[name] = float("inf") if np.isnan(error) else error
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--function", action="append")
    parser.add_argument("--gradients", type=Path)
    options = parser.parse_args()
    functions = [f for f in functions_of(options.file) if f.result in ("f64", "tensor<f64>")
                 and (not options.function or f.name in options.function)]
    if not functions:
        raise SystemExit(f"{options.file}: no function to check")
    failures = 0
    for function in functions:
        rng = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as folder:
            errors = check(options.file, function, rng, Path(folder),
                           options.gradients)
        worst = max(errors.values(), default=0)
        passed = worst <= function.tolerance
        failures += not passed
        print(f"{'ok' if passed else 'FAILED'}: {function.name}: " +
              ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
