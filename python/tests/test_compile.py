# ===- test_compile.py - Compiling from Python -----------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import pickle

import pytest
from conftest import MODELS

import sterna

MODEL = MODELS / "sterna-kjv.gguf"


def test_tells_its_steps(tmp_path):
    steps = []
    output = sterna.compile(
        MODEL,
        tmp_path / "m.stn",
        progress=lambda step, seconds: steps.append((step, seconds)),
        no_train=True,
        lora_rank=0,
        portable_kernels=True,
    )
    assert output.exists()
    assert steps[0] == ("read model", None)
    assert all(seconds is None or seconds >= 0 for _, seconds in steps)


def test_errors_are_exceptions(tmp_path):
    with pytest.raises(sterna.CompileError, match="No such file") as caught:
        sterna.compile(tmp_path / "absent.gguf", tmp_path / "m.stn")
    assert isinstance(caught.value, sterna.Error)
    with pytest.raises(TypeError, match="did you mean seq_len"):
        sterna.compile(MODEL, tmp_path / "m.stn", seq_length=8)
    with pytest.raises(sterna.CompileError, match="--seq-len"):
        sterna.compile(MODEL, tmp_path / "m.stn", seq_len=-1)
    assert not (tmp_path / "m.stn").exists()


def test_errors_in_ir_have_places(tmp_path):
    source = tmp_path / "bad.mlir"
    source.write_text("module {\n  func.func @f( {\n}\n")
    with pytest.raises(sterna.CompileError) as caught:
        sterna.compile(source, tmp_path / "m.stn")
    assert caught.value.filename == str(source)
    assert caught.value.line == 2


def test_exceptions_of_listeners_come_back(tmp_path):
    def fail(step, seconds):
        raise KeyError(step)

    with pytest.raises(KeyError, match="read model"):
        sterna.compile(MODEL, tmp_path / "m.stn", progress=fail, no_train=True)


def test_options_are_documented():
    assert "seq_len: " in sterna.compile.__doc__
    assert "learning_rate: " in sterna.Model.train.__doc__


def test_gives_the_module_of_a_phase():
    text = sterna.ir(MODEL, "import", no_train=True)
    assert "tern.linear" in text and "func.func @forward_1" in text


def test_runs_passes():
    text = sterna.ir(MODEL, "import", no_train=True)
    split = sterna.opt(text, "sterna-split-linear,canonicalize")
    assert "tern.matmul" in split and "tern.linear" not in split
    assert sterna.opt(split, "builtin.module(cse)")
    with pytest.raises(sterna.CompileError, match="sterna-splt-linear"):
        sterna.opt(text, "sterna-splt-linear")
    with pytest.raises(sterna.CompileError, match="unknown") as caught:
        sterna.opt("module {\n  oops\n}", "cse")
    assert caught.value.line == 2


def test_errors_can_be_pickled(tmp_path):
    with pytest.raises(sterna.CompileError) as caught:
        sterna.compile(tmp_path / "absent.gguf")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.notes == caught.value.notes


def test_bytes_of_files_in_messages(tmp_path):
    path = tmp_path / "m.onnx"
    graph = (MODELS.parent / "test/fuzz/corpus/onnx/products.onnx").read_bytes()
    path.write_bytes(graph.replace(b"ReduceSum", b"Reduce\xff\xff\xff"))
    with pytest.raises(sterna.CompileError):
        sterna.compile(path, tmp_path / "m.stn", dim={"n": 2})
