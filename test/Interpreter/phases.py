#!/usr/bin/env python3
"""Runs one program in the IR at the end of each phase and compares the results.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: phases.py MODEL.gguf PROGRAM [--reference] [--activations int8]
                 [--quantize absmean] PHASE...

A PHASE may be followed by an option of sterna-compile, as in
`schedule--no-checkpoint`; other options are passed on for all phases. Inputs and state are random and the same in each
phase; results agree when they differ by at most 1e-5 times the largest element.
With --reference the first result is also compared with the loss of the NumPy
model, so PROGRAM is `eval`.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "oracle"))
from reference import MASKED, Model  # noqa: E402

TOLERANCE = 1e-5
TOKENS = 16
ELEMENTS = {"f32": np.float32, "f16": np.float16, "i32": np.int32, "i8": np.int8}
TYPE = r"(?:tensor|memref)<((?:\d+x)*)(\w+)>"


def array_type(match):
    """(shape, element type) of the two groups of TYPE."""
    extents, element = match
    return tuple(map(int, extents.split("x")[:-1])), ELEMENTS[element]


def byte_size(match):
    shape, element = array_type(match)
    return int(np.prod(shape)) * np.dtype(element).itemsize


class Signature:
    """What a program takes and gives: types of `inputs` and `state` by name,
    in order, and names of `results`. A function has its state among its
    arguments; one of `flat` is several states side by side."""

    def __init__(self, text, program):
        header, = (line for line in text.split("\n") if re.match(
            rf" *(func\.func|plan\.program) @{program}\b", line))
        self.is_function = "func.func" in header
        if self.is_function:
            self._read_function(header)
        else:
            self._read_program(header, text)

    def _read_function(self, header):
        arguments, results = header.split(" -> ")
        self.inputs, self.state, self.names, self.flat = {}, {}, [], {}
        pattern = TYPE + (r' \{(?:tern\.loss_scale, )?tern\.(?:'
                          r'input = "([^"]+)"|state = #tern.state<([^>]*)|'
                          r'states = \[([^]]*))')
        for *match, name, state, states in re.findall(pattern, arguments):
            type_ = array_type(match)
            if name:
                self.inputs[name] = type_
            elif state:
                name = re.search(r'name = "([^"]+)"', state)[1]
                self.state[name] = type_
            else:
                name = f"flat {len(self.flat)}"
                self.flat[name] = type_, self._read_states(states)
            self.names.append(name)
        if len(self.names) != arguments.count("%arg"):
            sys.exit("error: expected each argument to be an input or state")
        self.results = [
            output or self.names[int(tied)] for output, tied in
            re.findall(r'tern\.(?:output = "([^"]+)"|tied = (\d+))', results)]

    @staticmethod
    def _read_states(text):
        """{name: (offset, type)} of the states that lie in a flat tensor."""
        pattern = (r'state = <name = "([^"]+)"[^>]*>, type = ' + TYPE +
                   r', offset = (\d+)')
        return {name: (int(offset), array_type(match))
                for name, *match, offset in re.findall(pattern, text)}

    def _read_program(self, header, text):
        inputs, outputs = header.split(" outputs ")
        pattern = r'name = "([^"]+)", offset = \d+ : i64, type = ' + TYPE
        self.inputs = {name: array_type(match) for name, *match in
                       re.findall(pattern, inputs)}
        # The lines of the program and those of state come apart.
        body = text[text.index(header):]
        indentation = header[:len(header) - len(header.lstrip())]
        body = body[:body.index(f"\n{indentation}}}")]
        place = r" at (\d+)"
        used = [(int(offset), int(offset) + byte_size(match))
                for offset, *match in re.findall(
                    "buffer state" + place + r' name "[^"]+" : ' + TYPE, body)]
        self.state, self.flat = {}, {}
        for name, *match, offset in re.findall(
                r"plan\.state @(\S+) : " + TYPE + place, text):
            end = int(offset) + byte_size(match)
            if any(int(offset) < last and first < end for first, last in used):
                self.state[name] = array_type(match)
        self.results = [name for name, *_ in re.findall(pattern, outputs)]
        # Micro-batches write gradients, and the optimizer all but them.
        gradients = "@train_micro " in header
        self.results += [name for name in self.state
                         if ("gradient" in name) == gradients]


class Values:
    """Random elements of a given name: the same each time."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.arrays = {"lora_scale": np.float32(2), "loss_scale":
                       np.float32(0.125), "accumulate": np.float32(1),
                       "bias_correction1": np.float32(0.19),
                       "bias_correction2": np.float32(0.002)}
        self.rng = np.random.RandomState(0)

    def of(self, name, shape, element):
        if name not in self.arrays:
            if element is np.int32:
                value = self.rng.randint(0, self.vocabulary, shape)
            else:
                value = self.rng.uniform(-0.1, 0.1, shape)
                if name.endswith("moment2"):
                    value = np.abs(value)
            self.arrays[name] = value.astype(element)
        if name == "labels":
            self.arrays[name][:, :TOKENS // 4] = MASKED
        return self.arrays[name]


def compile_to(phase, options, folder):
    name, *flags = re.split(r"(?=--)", phase, maxsplit=1)
    for option in "activations", "quantize":
        if getattr(options, option):
            flags.append(f"--{option}={getattr(options, option)}")
    path = folder / f"{phase}.mlir"
    subprocess.run(["sterna-compile", options.model, f"--compile-to={name}",
                    *flags, f"--seq-len={TOKENS}", "--lora-rank=4", "-o", path],
                   check=True)
    return path


def run(path, program, values, folder):
    """Results of `program` in the IR of `path`, by name."""
    signature = Signature(path.read_text(), program)
    command = ["sterna-interp", path, f"--function={program}"]
    for kind in "inputs", "state":
        for name, type_ in getattr(signature, kind).items():
            file = folder / f"{name}.npy"
            np.save(file, values.of(name, *type_))
            if kind == "state" and not signature.is_function:
                command.append(f"--param={name}={file}")
    for name, ((shape, element), states) in signature.flat.items():
        whole = np.zeros(int(np.prod(shape)), element)
        for state, (offset, type_) in states.items():
            part = values.of(state, *type_).ravel()
            whole[offset:offset + part.size] = part
        np.save(folder / f"{name}.npy", whole.reshape(shape))
    arguments = signature.names if signature.is_function else signature.inputs
    command += [f"--input={folder / name}.npy" for name in arguments]
    files = {name: folder / f"result.{name}.npy" for name in signature.results}
    command += [f"--output={file}" for file in files.values()]
    subprocess.run(command, check=True)
    results = {}
    for name, file in files.items():
        array = np.load(file)
        if name not in signature.flat:
            results[name] = array
            continue
        for state, (offset, (shape, _)) in signature.flat[name][1].items():
            size = int(np.prod(shape))
            results[state] = array.ravel()[offset:offset + size].reshape(shape)
    return results


def compare(what, actual, expected):
    if list(actual) != list(expected):
        sys.exit(f"error: expected results {list(expected)}, but got "
                 f"{list(actual)}")
    worst = max(np.max(np.abs(actual[name] - value)) /
                max(np.max(np.abs(value)), 1e-30)
                for name, value in expected.items())
    print(f"{what}: {len(expected)} results, relative difference {worst:.1e}")
    # Not a number is not good either.
    if not worst <= TOLERANCE:
        sys.exit(f"error: expected at most {TOLERANCE}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("program")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--activations", choices=["int8"])
    parser.add_argument("--quantize", choices=["absmean"])
    parser.add_argument("phases", nargs="+")
    options = parser.parse_args()
    reference = Model(options.model, "int8", options.quantize)
    values = Values(len(reference._weights["token_embd.weight"]))
    expected = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for phase in options.phases:
            path = compile_to(phase, options, folder)
            actual = run(path, options.program, values, folder)
            if expected is None:
                expected = actual
                if not all(np.any(value) for value in actual.values()):
                    sys.exit("error: expected results that are not zero")
            compare(phase, actual, expected)
    if options.reference:
        loss, tokens = reference.loss_sum(values.arrays["tokens"][0],
                                          values.arrays["labels"][0])
        assert tokens == TOKENS - TOKENS // 4
        compare("reference", expected, {"loss": np.float64(loss)})


if __name__ == "__main__":
    main()
