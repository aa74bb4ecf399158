# ===- torch.py - The bridge to PyTorch ------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ternary layers in PyTorch, exports, and compiled functions in its autograd.

Needs the packages torch, onnx and onnxscript, which `pip install sterna[torch]`
adds.
"""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from . import _runtime
from .compiler import compile as _compile


class _Straight(torch.autograd.Function):
    """A value whose gradient goes to another as it is."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grads[0], None


def quantize_activations(x: torch.Tensor) -> torch.Tensor:
    """Rows `[..., K]` rounded to int8 and back, as BitNet b1.58 does
    (arXiv:2402.17764): `s = 127 / max(max|x|, 1e-5)`, half to even. The gradient
    is straight-through."""
    scale = 127 / x.detach().abs().amax(-1, keepdim=True).clamp(min=1e-5)
    rounded = (x.detach() * scale).round().clamp(-128, 127) / scale
    return _Straight.apply(x, rounded)


def quantize_weights(w: torch.Tensor) -> torch.Tensor:
    """Latent weights as `{-m, 0, m}` with their mean magnitude `m`, at least
    1e-5 (absmean, arXiv:2402.17764). The gradient is straight-through."""
    mean = w.detach().abs().mean().clamp(min=1e-5)
    trits = (w.detach() / mean).round().clamp(-1, 1)
    return _Straight.apply(w, trits * mean)


class BitLinear(nn.Linear):
    """The linear layer of BitNet b1.58: latent weights `[N, K]` that each forward
    pass makes ternary, and int8 activations. The reference of `tern.linear`."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = False, **options: Any
    ) -> None:
        super().__init__(in_features, out_features, bias, **options)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """`[..., K]` to `[..., N]`."""
        return nn.functional.linear(
            quantize_activations(input), quantize_weights(self.weight), self.bias
        )


def export(
    module: nn.Module,
    example: Sequence[Any],
    path: str | os.PathLike[str],
    **options: Any,
) -> pathlib.Path:
    """Write `module`, as it computes its results of `example`, a sequence of
    arguments, to `path` as a graph of ONNX that `sterna.compile` takes, and return
    that. Parameters keep their names. Keywords are those of
    `torch.onnx.export`, such as `input_names` and `dynamic_shapes`."""
    settings = {"dynamo": True, "optimize": False, "verbose": False, **options}
    torch.onnx.export(module, tuple(example), os.fspath(path), **settings)
    return pathlib.Path(path)


class CompiledFunction(nn.Module):
    """`module` compiled with its derivative, for arguments of the shapes and
    types of `example`: it can be called in place of `module` in a PyTorch loop.

    Its parameters are those of `module`, which an optimizer changes. Values and
    gradients are computed by Sterna on the CPU in f32; gradients with respect to
    parameters and arguments of floats are those that the compiler has derived.
    Keywords are options of the compiler. Raises sterna.CompileError where an op
    is not known or has no derivative.
    """

    def __init__(
        self, module: nn.Module, example: Sequence[torch.Tensor], **options: Any
    ) -> None:
        super().__init__()
        self.module = module
        self._arguments = [f"argument{i}" for i in range(len(example))]
        self._names = [name for name, _ in module.named_parameters()]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "module.onnx"
            self._export(module, example, path)
            self._outputs = _with_cotangents(path, self._floats(example))
            names = "|".join(map(re.escape, self._names + self._floats(example)))
            binary = _compile(
                path,
                pathlib.Path(folder) / "module.stn",
                train="sterna.loss",
                trainable=names,
                **options,
            )
            loaded = _runtime.Module.load(os.fspath(binary))
        self._session = _runtime.Session.create(
            loaded,
            "cpu",
            0,
            ["init", "main", "train_micro"],
            profile=False,
            weights="mapped",
        )

    def _floats(self, example: Sequence[torch.Tensor]) -> list[str]:
        return [
            name
            for name, value in zip(self._arguments, example)
            if value.is_floating_point()
        ]

    def _export(
        self, module: nn.Module, example: Sequence[torch.Tensor], path: pathlib.Path
    ) -> None:
        """Exporters make one of parameters that are equal, so none are."""
        saved = {name: p.detach().clone() for name, p in module.named_parameters()}
        try:
            with torch.no_grad():
                for number, parameter in enumerate(module.parameters()):
                    parameter += (1 + number) * 2.0**-12
                export(module, example, path, input_names=self._arguments)
        finally:
            with torch.no_grad():
                for name, parameter in module.named_parameters():
                    parameter.copy_(saved[name])

    def forward(self, *arguments: torch.Tensor) -> Any:
        """The results of `module`."""
        values = [*arguments, *self.module.parameters()]
        results = _Call.apply(self, *values)
        return results if len(self._outputs) > 1 else results[0]

    # What a call does.

    def _write(self, program: str, values: Sequence[torch.Tensor]) -> None:
        for name, value in zip(self._arguments + self._names, values):
            array = np.ascontiguousarray(value.detach().numpy())
            if value.is_floating_point():
                self._session.write_state(f"{name}.parameter", array)
            else:
                self._session.write_input(program, name, array)

    def _run(
        self, program: str, cotangents: Sequence[np.ndarray[Any, Any]]
    ) -> None:
        for (name, _), cotangent in zip(self._outputs, cotangents):
            self._session.write_input(program, f"{name}.cotangent", cotangent)
        self._session.run(program)

    def _call(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        self._write("main", values)
        self._run("main", [np.zeros(shape, np.float32) for _, shape in self._outputs])
        results = []
        for name, shape in self._outputs:
            array = np.empty(shape, np.float32)
            self._session.read_output("main", name, array)
            results.append(torch.from_numpy(array))
        return results

    def _gradients(
        self,
        values: Sequence[torch.Tensor],
        cotangents: Sequence[torch.Tensor],
    ) -> list[torch.Tensor | None]:
        self._write("train_micro", values)
        one, zero = np.ones((), np.float32), np.zeros((), np.float32)
        self._session.write_input("train_micro", "loss_scale", one)
        self._session.write_input("train_micro", "accumulate", zero)
        arrays = [np.ascontiguousarray(c.detach().numpy()) for c in cotangents]
        self._run("train_micro", arrays)
        gradients: list[torch.Tensor | None] = []
        for name, value in zip(self._arguments + self._names, values):
            if not value.is_floating_point():
                gradients.append(None)
                continue
            array = np.empty(value.shape, np.float32)
            self._session.read_state(f"{name}.parameter.gradient", array)
            gradients.append(torch.from_numpy(array))
        return gradients


class _Call(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, function: CompiledFunction, *values: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.function = function
        ctx.save_for_backward(*values)
        return tuple(function._call(values))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        values = ctx.saved_tensors
        return (None, *ctx.function._gradients(values, grads))


def _with_cotangents(
    path: pathlib.Path, floats: Sequence[str]
) -> list[tuple[str, list[int]]]:
    """Makes the graph at `path` one whose loss is the sum of its results times
    their cotangents, which are inputs, and whose float arguments are parameters.
    Returns names and shapes of the results."""
    model = onnx.load(path)
    graph = model.graph
    results = []
    for output in graph.output:
        tensor = output.type.tensor_type
        if tensor.elem_type != onnx.TensorProto.FLOAT:
            raise TypeError(f"expected results of float32, but got {output.name}")
        results.append((output.name, [d.dim_value for d in tensor.shape.dim]))
    for value in [each for each in graph.input if each.name in floats]:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        zeros = onnx.numpy_helper.from_array(np.zeros(shape, np.float32), value.name)
        graph.initializer.append(zeros)
        graph.input.remove(value)
    totals = []
    for name, shape in results:
        given, product, total = (f"{name}.{part}" for part in ("cotangent", "p", "t"))
        graph.input.append(
            onnx.helper.make_tensor_value_info(given, onnx.TensorProto.FLOAT, shape)
        )
        graph.node.append(onnx.helper.make_node("Mul", [name, given], [product]))
        graph.node.append(
            onnx.helper.make_node("ReduceSum", [product], [total], keepdims=0)
        )
        totals.append(total)
    graph.node.append(onnx.helper.make_node("Sum", totals, ["sterna.loss"]))
    graph.output.append(
        onnx.helper.make_tensor_value_info("sterna.loss", onnx.TensorProto.FLOAT, [])
    )
    onnx.save(model, path)
    return results
