# ===- test_torch.py - The bridge to PyTorch -------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Values and gradients against PyTorch's own. Skipped without torch and onnx."""

import subprocess

import numpy as np
import pytest

import sterna

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from torch import nn  # noqa: E402

import sterna.torch as bridge  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class Network(nn.Module):
    """Floats and ids, two norms that are equal when they are made."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 24)
        self.inner = nn.Linear(24, 64)
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(2))
        self.outer = nn.Linear(64, 5)

    def forward(self, x, ids):
        h = nn.functional.gelu(self.inner(x + self.embedding(ids)))
        return self.outer(self.norms[1](self.norms[0](h)))


@pytest.fixture
def example():
    torch.manual_seed(1)
    return torch.randn(7, 24, requires_grad=True), torch.randint(0, 30, (7,))


def error(actual, expected):
    return float((actual - expected).abs().max() / expected.abs().max())


def test_values_and_gradients(example):
    torch.manual_seed(0)
    module = Network()
    before = [p.detach().clone() for p in module.parameters()]
    compiled = bridge.CompiledFunction(module, example)
    for saved, parameter in zip(before, module.parameters()):
        assert torch.equal(saved, parameter)
    expected, actual = module(*example), compiled(*example)
    assert error(actual, expected) < 1e-5
    wanted = [example[0], *module.parameters()]
    cotangent = torch.randn_like(expected)
    for mine, theirs in zip(
        torch.autograd.grad(actual, wanted, cotangent),
        torch.autograd.grad(expected, wanted, cotangent),
    ):
        assert error(mine, theirs) < 1e-5


def test_a_loop_of_pytorch(example):
    """Losses of steps of Adam that call the compiled function."""

    def losses(wrap):
        torch.manual_seed(0)
        module = Network()
        function = wrap(module)
        optimizer = torch.optim.Adam(module.parameters(), 1e-2)
        labels = torch.arange(7) % 5
        result = []
        for _ in range(10):
            loss = nn.functional.cross_entropy(function(*example), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            result.append(loss.item())
        return np.array(result)

    expected = losses(lambda module: module)
    actual = losses(lambda module: bridge.CompiledFunction(module, example))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_several_results(example):
    class Pair(nn.Module):
        def forward(self, x):
            return x.tanh(), (x * x).sum(1)

    x = example[0]
    compiled = bridge.CompiledFunction(Pair(), (x,))
    first, second = compiled(x)
    assert error(first, x.tanh()) < 1e-5
    (gradient,) = torch.autograd.grad(first.sum() + second.sum(), x)
    assert error(gradient, 1 - x.tanh() ** 2 + 2 * x) < 1e-5


def test_bit_linear_is_its_definition():
    torch.manual_seed(0)
    layer = bridge.BitLinear(33, 9)
    x = torch.randn(4, 33, requires_grad=True)
    y = layer(x)
    w = layer.weight.detach().double().numpy()
    mean = max(np.abs(w).mean(), 1e-5)
    trits = np.clip(np.round(w / mean), -1, 1) * mean
    rows = x.detach().double().numpy()
    scale = 127 / np.maximum(np.abs(rows).max(1, keepdims=True), 1e-5)
    codes = np.clip(np.round(rows * scale), -128, 127) / scale
    np.testing.assert_allclose(y.detach().numpy(), codes @ trits.T, rtol=1e-4, atol=1e-6)
    y.sum().backward()
    # Straight through both quantizers.
    expected = np.broadcast_to(trits.sum(0), rows.shape)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=1e-6)
    expected = np.broadcast_to(codes.sum(0), w.shape)
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_exports_what_the_compiler_takes(tmp_path):
    """A frozen BitLinear of ternary weights becomes a ternary product."""
    torch.manual_seed(0)
    layer = bridge.BitLinear(64, 48)
    with torch.no_grad():
        layer.weight.copy_(bridge.quantize_weights(layer.weight))

    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = layer.weight

        def forward(self, x):
            return bridge.quantize_activations(x) @ self.weight.T

    x = torch.randn(5, 64)
    path = bridge.export(Frozen(), (x,), tmp_path / "m.onnx", input_names=["x"],
                         output_names=["y"])
    assert "int8_activations" in sterna.ir(path)
    binary = sterna.compile(path, tmp_path / "m.stn")
    np.save(tmp_path / "x.npy", x.numpy())
    subprocess.run(
        ["sterna-run", "run", binary, "--input", f"x={tmp_path / 'x.npy'}",
         "--output", f"y={tmp_path / 'y.npy'}"],
        check=True, capture_output=True,
    )
    expected = Frozen()(x).detach()
    assert error(torch.from_numpy(np.load(tmp_path / "y.npy")), expected) < 1e-5


def test_what_has_no_derivative(example):
    class Rounded(nn.Module):
        def forward(self, x):
            return x.round() * x

    with pytest.raises(sterna.CompileError, match="differentiation rule"):
        bridge.CompiledFunction(Rounded(), (example[0],))
