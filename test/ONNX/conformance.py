#!/usr/bin/env python3
# ===- conformance.py - The node tests of ONNX, compiled and run ----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The package onnx has a test of one node, or of the function that defines it,
# for each op, version and type. Each is compiled, run, and compared with the
# suite's own tolerances.
# ===----------------------------------------------------------------------=== #
"""Run the node tests of the PyPI package onnx.

  conformance.py [--device=vulkan] [--every=N] [--filter=REGEX]
                 [--list=unsupported.txt ...] [--document=onnx.md [--update]]

sterna-compile and sterna-run are those of PATH; Python is one with onnx. --list
has the cases that are not supported, each with its reason: one that passes is
an error, as is one beside it that does not. An input is bound when compiling,
by --constant, where the op needs its value then. --document must have the table
of what passes; --update writes it there. The last lines count cases.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np

warnings.filterwarnings("ignore")

import ml_dtypes  # noqa: E402
import onnx  # noqa: E402
from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

NEEDS_VALUE = "must be known when compiling"
# Types that the tools exchange as another one.
SMALL = {
    ml_dtypes.int4: np.int8,
    ml_dtypes.uint4: np.uint8,
    ml_dtypes.int2: np.int8,
    ml_dtypes.uint2: np.uint8,
}


def read_list(paths):
    """(what, reason) of each line `WHAT: REASON`, where WHAT is a pattern of
    names, `op OP` for all cases with such a node, or `type TYPE` for all with
    such an input or output."""
    entries = []
    lines = [l for p in paths for l in pathlib.Path(p).read_text().splitlines()]
    for line in lines:
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition(": ")
            entries.append((pattern.strip(), reason.strip()))
    return entries


def ops_in(graph):
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from ops_in(attribute.g)


def traits_of(case):
    """What `op OP` and `type TYPE` of the list refer to."""
    traits = {f"op {op}" for op in ops_in(case.model.graph)}
    for value in (*case.model.graph.input, *case.model.graph.output):
        kind = value.type.WhichOneof("value")
        if kind == "tensor_type":
            number = value.type.tensor_type.elem_type
            kind = onnx.TensorProto.DataType.Name(number).lower()
        traits.add(f"type {kind}")
    return traits


def reason_of(case, listed):
    """Why the case is not supported; None where it is."""
    traits = traits_of(case)
    for what, reason in listed:
        if what in traits or fnmatch.fnmatchcase(case.name, what):
            return reason
    return None


def to_array(value):
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    return np.asarray(value)


def stored(array):
    """As the tools read and write it."""
    for small, byte in SMALL.items():
        if array.dtype == small:
            return array.astype(byte)
    if array.dtype == ml_dtypes.bfloat16:
        return array.view(np.dtype("V2"))
    return array


def run(command):
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60
    )
    # Progress and reports come before the error.
    _, mark, error = result.stderr.partition(" error: ")
    return result.returncode, error.strip() if mark else result.stderr.strip()


class Case:
    def __init__(self, case, folder, device):
        self.case = case
        self.folder = pathlib.Path(folder) / case.name
        self.device = device
        self.bound = False

    def check(self):
        """None where it passes, or what is wrong."""
        graph = self.case.model.graph
        kinds = [v.type.WhichOneof("value") for v in (*graph.input, *graph.output)]
        if any(kind != "tensor_type" for kind in kinds):
            return "has values that are no tensors"
        self.folder.mkdir()
        model = self.folder / "model.onnx"
        model.write_bytes(self.case.model.SerializeToString())
        try:
            for number, (inputs, outputs) in enumerate(self.case.data_sets):
                problem = self.check_data(model, number, inputs, outputs)
                if problem:
                    return problem
        except subprocess.TimeoutExpired:
            return "takes more than a minute"
        return None

    def compile(self, model, module, constants, shapes):
        command = ["sterna-compile", model, "-o", module]
        if self.device:
            command.append(f"--target={self.device}")
        for name, extent in shapes.items():
            command.append(f"--dim={name}={extent}")
        for name, path in constants.items():
            command.append(f"--constant={name}={path}")
        return run(command)

    def check_data(self, model, number, inputs, outputs):
        graph = self.case.model.graph
        folder = self.folder / str(number)
        folder.mkdir()
        arrays, files, shapes = {}, {}, {}
        for value, given in zip(graph.input, inputs):
            if given is None:
                return "has an input that is none"
            array = to_array(given)
            if array.dtype.kind in "OUS":
                return "has text"
            arrays[value.name] = array
            files[value.name] = folder / f"input{len(files)}.npy"
            np.save(files[value.name], stored(array))
            dims = value.type.tensor_type.shape.dim
            for place, (dim, extent) in enumerate(zip(dims, array.shape)):
                if not dim.HasField("dim_value"):
                    name = dim.dim_param or f"{value.name}.{place}"
                    shapes[name] = extent
        module = folder / "model.stn"
        status, problem = self.compile(model, module, {}, shapes)
        constants = {}
        if status and NEEDS_VALUE in problem:
            constants = {
                name: files[name]
                for name, array in arrays.items()
                if array.size <= 64
                and (array.ndim < 2 or array.dtype.kind in "bui")
            }
            self.bound = True
            status, problem = self.compile(model, module, constants, shapes)
        if status:
            return "does not compile: " + problem
        command = ["sterna-run", "run", module]
        if self.device:
            command += ["--device", self.device]
        for name, path in files.items():
            if name not in constants:
                command += ["--input", f"{name}={path}"]
        results = []
        for value in graph.output:
            results.append(folder / f"output{len(results)}.npy")
            command += ["--output", f"{value.name}={results[-1]}"]
        status, problem = run(command)
        if status:
            return "does not run: " + problem
        for value, expected, path in zip(graph.output, outputs, results):
            problem = self.compare(value.name, to_array(expected), path)
            if problem:
                return problem
        return None

    def compare(self, name, expected, path):
        actual = np.load(path)
        if expected.dtype == ml_dtypes.bfloat16:
            actual = actual.view(ml_dtypes.bfloat16)
        expected_type = stored(expected).dtype
        if expected.dtype != ml_dtypes.bfloat16 and actual.dtype != expected_type:
            return f"'{name}' is {actual.dtype}, not {expected_type}"
        if actual.shape != expected.shape:
            return f"'{name}' has shape {actual.shape}, not {expected.shape}"
        if expected.dtype.kind not in "bui":
            actual = actual.astype(np.float64)
            expected = expected.astype(np.float64)
        try:
            np.testing.assert_allclose(
                actual, expected, rtol=self.case.rtol, atol=self.case.atol
            )
        except AssertionError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            return f"'{name}' differs: " + "; ".join(lines[1:4])
        return None


def op_of(case):
    nodes = case.model.graph.node
    if "_expanded" in case.name or len(nodes) != 1:
        return None
    domain = nodes[0].domain
    return f"{domain}.{nodes[0].op_type}" if domain else nodes[0].op_type


def version_of(case):
    return max(s.version for s in case.model.opset_import)


def table_of(cases, passed):
    """Op, versions and cases passed of those there are."""
    counts = collections.defaultdict(lambda: [0, 0, set()])
    for case in cases:
        row = counts[op_of(case) or "functions of several nodes"]
        row[1] += 1
        if case.name in passed:
            row[0] += 1
            row[2].add(version_of(case))
    lines = ["| op | op sets | cases passed |", "|---|---|---|"]
    for op in sorted(counts, key=lambda name: (name[0].islower(), name)):
        good, all_cases, versions = counts[op]
        if good:
            sets = ", ".join(map(str, sorted(versions)))
            lines.append(f"| {op} | {sets} | {good} of {all_cases} |")
    return "\n".join(lines) + "\n"


def check_document(path, table, update):
    """Whether the document has `table` as its last part."""
    text = pathlib.Path(path).read_text()
    if text.endswith(table):
        return True
    if not update:
        print(f"{path} does not have this table: run with --update")
        return False
    before, _, _ = text.partition("| op | op sets |")
    pathlib.Path(path).write_text(before + table)
    return True


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--filter", default="")
    parser.add_argument("--list", action="append", default=[])
    parser.add_argument("--document")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    listed = read_list(args.list)
    cases = [c for c in collect_testcases(None) if re.search(args.filter, c.name)]
    cases = cases[:: args.every]
    passed, problems, bound = set(), {}, 0
    with tempfile.TemporaryDirectory() as folder:
        runs = [Case(case, folder, args.device) for case in cases]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for one, problem in zip(runs, pool.map(Case.check, runs)):
                if problem is None:
                    passed.add(one.case.name)
                    bound += one.bound
                else:
                    problems[one.case.name] = problem
    failures = 0
    for case in cases:
        reason = reason_of(case, listed)
        if case.name in passed and reason:
            failures += 1
            print(f"{case.name}: is listed ({reason}), but passes")
        elif case.name in problems and not reason:
            failures += 1
            print(f"{case.name}: {problems[case.name]}")
    if args.document:
        table = table_of(cases, passed)
        failures += not check_document(args.document, table, args.update)
    print(
        f"{len(passed)} of {len(cases)} cases pass, {bound} of them with inputs"
        f" bound when compiling; {len(problems)} are not supported"
    )
    sys.exit(f"{failures} cases are not as expected" if failures else 0)


if __name__ == "__main__":
    main()
