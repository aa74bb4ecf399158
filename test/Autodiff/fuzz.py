#!/usr/bin/env python3
"""Differentiates random small graphs and compares with finite differences.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: fuzz.py [--count N] [--seed N]

Each graph mixes ops that have rules, on tensors of rank 0 to 3, and takes
operands from all values so far, so that fan-out and unused values are common.
A failing graph is printed with its seed; the same seed makes it again.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

import finite_differences

UNARY = ["math.sin", "math.cos", "math.tanh", "math.erf", "math.absf",
         "arith.negf", "tern.checkpoint"]
BINARY = ["arith.addf", "arith.subf", "arith.mulf", "arith.maximumf",
          "arith.maxnumf", "arith.minimumf", "arith.minnumf"]
REDUCTIONS = ["arith.addf", "arith.addf", "arith.mulf", "arith.maximumf",
              "arith.minnumf"]
# Where an operand of a product lies: loops (m, n, k), plain or transposed.
LEFT = {False: "(m, k)", True: "(k, m)"}
RIGHT = {False: "(k, n)", True: "(n, k)"}


def tensor(shape, element="f64"):
    return f"tensor<{'x'.join(map(str, (*shape, element)))}>"


def listed(values):
    return "[" + ", ".join(map(str, values)) + "]"


class Graph:
    """Builds one function line by line; `pool` holds its float values."""

    def __init__(self, rng):
        self.rng, self.lines, self.arguments = rng, [], []
        self.pool, self.names = [], 0
        for _ in range(rng.integers(2, 5)):
            rank = rng.choice([0, 1, 2, 2, 2, 3])
            self.pool.append(self.argument(tuple(rng.integers(1, 5, rank))))

    # Values are pairs of name and shape.

    def argument(self, shape, element="f64"):
        name = f"%a{len(self.arguments)}"
        self.arguments.append(f"{name}: {tensor(shape, element)}")
        return name, tuple(map(int, shape))

    def emit(self, text, shape):
        name = f"%v{self.names}"
        self.names += 1
        self.lines.append(f"{name} = {text}")
        return name, tuple(map(int, shape))

    def pick(self, condition=lambda shape: True):
        fits = [value for value in self.pool if condition(value[1])]
        return fits[self.rng.integers(len(fits))] if fits else None

    def constant(self, shape, value):
        return self.emit(f"arith.constant dense<{value:e}> : {tensor(shape)}",
                         shape)

    def empty(self, shape):
        return self.emit(f"tensor.empty() : {tensor(shape)}", shape)

    def start(self, shape):
        """What a product or sum is added to: zeros or some value."""
        value = self.pick(lambda other: other == shape)
        if value and self.rng.random() < 0.4:
            return value
        return self.constant(shape, 0)

    def elementwise(self, op, *operands):
        shape = operands[0][1]
        names = ", ".join(name for name, _ in operands)
        return self.emit(f"{op} {names} : {tensor(shape)}", shape)

    # One method a kind of step; each returns a value, or None where no value
    # so far fits.

    def unary(self):
        return self.elementwise(self.rng.choice(UNARY), self.pick())

    def binary(self):
        first = self.pick()
        second = self.pick(lambda shape: shape == first[1])
        return self.elementwise(self.rng.choice(BINARY), first, second)

    def guarded(self):
        """Functions of a half-line, at x^2 + 1."""
        x = self.pick()
        square = self.elementwise("arith.mulf", x, x)
        positive = self.elementwise("arith.addf", square,
                                    self.constant(x[1], 1))
        op = self.rng.choice(["math.log", "math.sqrt", "math.rsqrt",
                              "arith.divf", "math.powf"])
        if op.startswith("math.") and op != "math.powf":
            return self.elementwise(op, positive)
        other = self.pick(lambda shape: shape == x[1])
        other = self.elementwise("math.sin", other)
        if op == "math.powf":
            return self.elementwise(op, positive, other)
        return self.elementwise(op, other, positive)

    def exponential(self):
        return self.elementwise("math.exp",
                                self.elementwise("math.tanh", self.pick()))

    def select(self):
        x = self.pick()
        y, z = (self.pick(lambda shape: shape == x[1]) for _ in range(2))
        condition = self.emit(f"arith.cmpf olt, {x[0]}, {y[0]} : "
                              f"{tensor(x[1])}", x[1])
        return self.emit(f"arith.select {condition[0]}, {z[0]}, {x[0]} : "
                         f"{tensor(x[1], 'i1')}, {tensor(x[1])}", x[1])

    def matmul(self):
        left = self.pick(lambda shape: len(shape) == 2)
        if not left:
            return None
        flip_left, flip_right = self.rng.random(2) < 0.5
        m, k = left[1][::-1] if flip_left else left[1]
        right = self.pick(lambda shape: len(shape) == 2 and
                          shape[1 if flip_right else 0] == k)
        if not right:
            return None
        n = right[1][0 if flip_right else 1]
        maps = ", ".join(f"affine_map<(m, n, k) -> {result}>" for result in
                         (LEFT[flip_left], RIGHT[flip_right], "(m, n)"))
        outs = self.start((m, n))
        return self.emit(
            f"linalg.matmul indexing_maps = [{maps}] "
            f"ins({left[0]}, {right[0]} : {tensor(left[1])}, {tensor(right[1])}) "
            f"outs({outs[0]} : {tensor((m, n))}) -> {tensor((m, n))}", (m, n))

    def broadcast(self):
        x = self.pick(lambda shape: len(shape) < 3)
        if not x:
            return None
        dim = int(self.rng.integers(len(x[1]) + 1))
        shape = (*x[1][:dim], int(self.rng.integers(1, 4)), *x[1][dim:])
        outs = self.empty(shape)
        return self.emit(f"linalg.broadcast ins({x[0]} : {tensor(x[1])}) "
                         f"outs({outs[0]} : {tensor(shape)}) dimensions = [{dim}]",
                         shape)

    def reduce(self):
        x = self.pick(lambda shape: len(shape) > 0)
        if not x:
            return None
        kept = self.rng.random(len(x[1])) < 0.5
        dims = [dim for dim, keep in enumerate(kept) if not keep] or [0]
        return self.fold(self.rng.choice(REDUCTIONS), x, dims)

    def fold(self, op, x, dims):
        shape = tuple(extent for dim, extent in enumerate(x[1])
                      if dim not in dims)
        outs = self.start(shape)
        return self.emit(f"linalg.reduce {{ {op} }} ins({x[0]} : "
                         f"{tensor(x[1])}) outs({outs[0]} : {tensor(shape)}) "
                         f"dimensions = {listed(dims)}", shape)

    def transpose(self):
        x = self.pick(lambda shape: len(shape) > 1)
        if not x:
            return None
        order = self.rng.permutation(len(x[1]))
        shape = [x[1][dim] for dim in order]
        outs = self.empty(shape)
        return self.emit(f"linalg.transpose ins({x[0]} : {tensor(x[1])}) "
                         f"outs({outs[0]} : {tensor(shape)}) "
                         f"permutation = {listed(order)}", shape)

    def reshape(self, x, shape):
        """`x` with unit dimensions added or removed, by way of rank 1."""
        size = int(np.prod(x[1], dtype=int))
        for op, target in (("collapse", (size,)), ("expand", tuple(shape))):
            if x[1] == target:
                continue
            rank = max(len(x[1]), len(target))
            groups = f"[{listed(range(rank))}]" if min(len(x[1]), len(target)) else "[]"
            sizes = f" output_shape {listed(target)}" if op == "expand" else ""
            if op == "collapse" and not x[1]:
                op, sizes = "expand", " output_shape [1]"
            x = self.emit(f"tensor.{op}_shape {x[0]} {groups}{sizes} : "
                          f"{tensor(x[1])} into {tensor(target)}", target)
        return x

    def flatten(self):
        x = self.pick(lambda shape: len(shape) > 1)
        return x and self.reshape(x, (int(np.prod(x[1])),))

    def slice(self):
        x = self.pick(lambda shape: len(shape) > 0)
        if not x:
            return None
        sizes = [int(self.rng.integers(1, extent + 1)) for extent in x[1]]
        offsets = [int(self.rng.integers(extent - size + 1))
                   for extent, size in zip(x[1], sizes)]
        place = f"{listed(offsets)} {listed(sizes)} {listed([1] * len(sizes))}"
        part = self.emit(f"tensor.extract_slice {x[0]}{place} : {tensor(x[1])} "
                         f"to {tensor(sizes)}", sizes)
        if self.rng.random() < 0.5:
            return part
        into = self.pick(lambda shape: shape == x[1])
        part = self.elementwise("math.sin", part)
        return self.emit(f"tensor.insert_slice {part[0]} into {into[0]}{place} : "
                         f"{tensor(sizes)} into {tensor(x[1])}", x[1])

    def linear(self):
        x = self.pick(lambda shape: len(shape) == 2)
        if not x:
            return None
        rows = int(self.rng.integers(1, 5))
        weight = self.argument((rows, x[1][1]), "!tern.trit")
        scale = self.constant((1,), 0.5)
        shape = (x[1][0], rows)
        return self.emit(f"tern.linear {x[0]}, {weight[0]}, {scale[0]} : "
                         f"{tensor(x[1])}, {tensor(weight[1], '!tern.trit')}, "
                         f"{tensor((1,))} -> {tensor(shape)}", shape)

    def outer(self):
        """A linalg.generic without a name: x[i, j] * sin(y[j]) + y[i]."""
        x = self.pick(lambda shape: len(shape) == 2)
        y = self.pick(lambda shape: x and len(shape) == 1 and shape == x[1][1:])
        z = self.pick(lambda shape: x and len(shape) == 1 and shape == x[1][:1])
        if not y or not z:
            return None
        outs = self.start(x[1])
        types = ", ".join(tensor(value[1]) for value in (x, y, z))
        maps = ", ".join(f"affine_map<(i, j) -> {where}>"
                         for where in ("(i, j)", "(j)", "(i)", "(i, j)"))
        return self.emit(
            f"linalg.generic {{indexing_maps = [{maps}], iterator_types = "
            f'["parallel", "parallel"]}} ins({x[0]}, {y[0]}, {z[0]} : {types}) '
            f"outs({outs[0]} : {tensor(x[1])}) {{\n"
            "  ^bb0(%x: f64, %y: f64, %z: f64, %old: f64):\n"
            "    %s = math.sin %y : f64\n    %p = arith.mulf %x, %s : f64\n"
            "    %q = arith.addf %p, %z : f64\n"
            "    %r = arith.subf %q, %old : f64\n"
            f"    linalg.yield %r : f64\n  }} -> {tensor(x[1])}", x[1])

    def rms_norm(self):
        x = self.pick(lambda shape: len(shape) == 2)
        if not x:
            return None
        weight = self.pick(lambda shape: shape == x[1][1:])
        weight = weight or self.constant(x[1][1:], 1.5)
        return self.emit(f"tern.rms_norm {x[0]}, {weight[0]} "
                         f"{{epsilon = 1.0e-01 : f64}} : {tensor(x[1])}, "
                         f"{tensor(weight[1])}", x[1])

    def attention(self):
        x = self.pick(lambda shape: len(shape) == 2)
        if not x:
            return None
        (tokens, width), heads = x[1], []
        for _ in range(2):
            y = self.pick(lambda shape: shape == x[1])
            heads.append(self.reshape(y, (1, tokens, 1, width)))
        key, value = heads
        query = self.reshape(x, (1, tokens, 1, 1, width))
        position = self.emit("arith.constant dense<0> : tensor<i32>", ())
        result = self.emit(
            f"tern.attention {query[0]}, {key[0]}, {value[0]}, {position[0]} : "
            f"{tensor(query[1])}, {tensor(key[1])}, tensor<i32>", query[1])
        return self.reshape(result, x[1])

    def cross_entropy(self):
        x = self.pick(lambda shape: len(shape) == 2)
        if not x:
            return None
        labels = self.argument(x[1][:1], "i32")
        return self.emit(f"tern.cross_entropy {x[0]}, {labels[0]} : "
                         f"{tensor(x[1])}, {tensor(labels[1], 'i32')} -> "
                         f"{tensor(x[1][:1])}", x[1][:1])

    def text(self, steps):
        kinds = [self.unary, self.binary, self.binary, self.guarded,
                 self.exponential, self.select, self.matmul, self.matmul,
                 self.broadcast, self.reduce, self.transpose, self.flatten,
                 self.slice, self.linear, self.rms_norm, self.attention,
                 self.cross_entropy, self.outer]
        for _ in range(steps):
            value = kinds[self.rng.integers(len(kinds))]()
            if value and np.prod(value[1]) <= 64:
                self.pool.append(value)
        total = None
        for value in self.pool[-3:]:
            value = self.elementwise("math.tanh", value)
            if value[1]:
                value = self.fold("arith.addf", value, range(len(value[1])))
            total = self.elementwise("arith.addf", total, value) if total else value
        body = "".join(f"  {line}\n" for line in self.lines)
        return (f"func.func @graph({', '.join(self.arguments)}) -> tensor<f64> "
                f"{{\n{body}  return {total[0]} : tensor<f64>\n}}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    worst = 0
    for seed in range(options.seed, options.seed + options.count):
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph.mlir"
            path.write_text(Graph(rng).text(int(rng.integers(4, 16))))
            function, = finite_differences.functions_of(path)
            try:
                errors = finite_differences.check(path, function, rng, Path(folder))
            except SystemExit as failure:
                raise SystemExit(f"seed {seed}:\n{path.read_text()}{failure}")
            error = max(errors.values(), default=0)
            worst = max(worst, error)
            if error > 1e-5:
                raise SystemExit(f"seed {seed}: errors {errors}\n{path.read_text()}")
    print(f"{options.count} graphs, largest relative error {worst:.1e}")


if __name__ == "__main__":
    sys.exit(main())
