# ===- test_wire.py - Adapters as they travel ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adapters as records of Flower and back."""

import numpy as np
import pytest

pytest.importorskip("flwr")
from flwr.app import Array, ArrayRecord

from sterna.federated import wire


def make_adapter(rank=5, seed=0):
    """Odd sizes, and a matrix of zeroes."""
    random = np.random.default_rng(seed)
    return {
        "a.lora_A.weight": random.normal(size=(rank, 7)).astype(np.float32),
        "a.lora_B.weight": random.normal(size=(3, rank)).astype(np.float32),
        "b.lora_A.weight": np.zeros((rank, 2), np.float32),
    }


@pytest.mark.parametrize("rank", [1, 4, 5])
def test_round_trip(rank):
    adapter = make_adapter()
    layout = wire.Layout.of(adapter)
    first = wire.truncate(adapter, rank)
    for wire_type, error in (("f32", 0), ("f16", 2.0**-11), ("int8", 0.5 / 127)):
        record = wire.encode(layout, adapter, rank, wire_type)
        back = wire.decode(layout, record, rank, wire_type)
        assert wire.rank_of(back) == rank
        for name, matrix in first.items():
            axis = 0 if "lora_B" in name else 1
            largest = np.abs(matrix).max(axis=axis, keepdims=True)
            limit = error * (np.abs(matrix) if wire_type == "f16" else largest)
            assert (np.abs(back[name] - matrix) <= limit * 1.0001 + 1e-7).all()


def test_updates_leave_out_what_is_as_it_was():
    sent = make_adapter()
    trained = {name: each.copy() for name, each in sent.items()}
    trained["a.lora_B.weight"][1, 2] += 0.25
    layout = wire.Layout.of(sent)
    for wire_type in wire.WIRE_TYPES:
        record, rank = wire.encode_update(layout, trained, sent, wire_type)
        assert rank == 3
        back = wire.decode_update(layout, record, rank, wire_type, sent)
        for name, matrix in trained.items():
            np.testing.assert_allclose(back[name], matrix, rtol=1e-6)
    assert wire.encode_update(layout, sent, sent, "f32")[1] == 1


def test_refuses_what_is_none():
    adapter = make_adapter()
    layout = wire.Layout.of(adapter)
    record = wire.encode(layout, adapter, 5, "f32")

    def refused(match, rank=5, wire_type="f32", **arrays):
        changed = {**record, **{k: Array(v) for k, v in arrays.items()}}
        with pytest.raises(ValueError, match=match):
            wire.decode(layout, ArrayRecord(changed), rank, wire_type)

    flat = record["adapter"].numpy()
    refused("elements", rank=4)
    refused("elements", adapter=flat[:-1])
    refused("elements", adapter=flat.reshape(1, -1))
    refused("float64", adapter=flat.astype(np.float64))
    refused("f16", wire_type="f16")
    refused("arrays", wire_type="int8")
    refused("arrays", more=flat)
    refused("not finite", adapter=flat * np.float32(np.nan))
    refused("scales", wire_type="int8", adapter=flat.astype(np.int8),
            scales=np.ones(3, np.float32))
    adapter["a.lora_A.weight"][0, 0] = 1e6
    with pytest.raises(ValueError, match="f16"):
        wire.encode(layout, adapter, 5, "f16")
