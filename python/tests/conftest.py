# ===- conftest.py - Models of the tests -----------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The embedded model, compiled once, and a model loaded from it for each test."""

import pathlib

import pytest

import sterna

MODELS = pathlib.Path(__file__).parents[2] / "models"


@pytest.fixture(scope="session")
def binary(tmp_path_factory):
    """The device binary of the embedded model."""
    output = tmp_path_factory.mktemp("models") / "kjv.stn"
    return sterna.compile(MODELS / "sterna-kjv.gguf", output, seq_len=64)


@pytest.fixture
def model(binary):
    """That, loaded on two threads."""
    return sterna.load(binary, threads=2)


@pytest.fixture(scope="session")
def rows():
    """Path of the rows to tune on."""
    return MODELS / "tuning" / "train.jsonl"


@pytest.fixture(scope="session")
def held_out():
    """Path of the rows to validate on."""
    return MODELS / "tuning" / "validation.jsonl"
