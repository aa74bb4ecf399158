# ===- test_federated.py - Federated tuning --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Federations in this process, against NumPy and against runs on one machine."""

import json

import numpy as np
import pytest
from conftest import MODELS

import sterna

pytest.importorskip("flwr")
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideFixedClipping,
    FedAdam,
    FedAvg,
    FedAvgM,
    FedProx,
)

from sterna.federated import Client, Server, simulate, wire
from sterna.federated.client import _parse_bytes
from sterna.federated.grid import RetryGrid
from sterna.federated.local import LocalGrid
from sterna.federated.server import run

OPTIONS = {"max_steps": 3, "learning_rate": 5e-3}


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The embedded model with adapters of rank 3, beside those of rank 8."""
    path = tmp_path_factory.mktemp("models") / "small.stn"
    return sterna.compile(MODELS / "sterna-kjv.gguf", path, seq_len=64, lora_rank=3)


@pytest.fixture(scope="session")
def chats(rows):
    """The rows, to share out."""
    return [json.loads(line) for line in rows.read_text().splitlines()]


def make_server(binary, output, count, strategy=None, **settings):
    """A server of 2 rounds of `count` clients."""
    if strategy is None:
        strategy = average(FedAvg, count)
    settings = {"rounds": 2, "options": OPTIONS, "min_clients": count, **settings}
    return Server(binary, strategy, output=output, **settings)


def average(kind, count, **settings):
    """A strategy that takes all of `count` clients."""
    return kind(fraction_evaluate=0.0, min_train_nodes=count, min_evaluate_nodes=0,
                min_available_nodes=count, **settings)


def result(output):
    """The adapter that a federation has made."""
    return sterna._runtime.Adapter.load(str(output / "adapter")).matrices()


def equal(one, other):
    """Whether two adapters are, to the bit."""
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )


def test_one_client_is_one_machine(binary, chats, tmp_path):
    """Each round is a run of its own seed, from where the last one ended."""
    simulate(make_server(binary, tmp_path, 1), [Client([binary], chats)])
    model = sterna.load(binary)
    fresh = sterna._runtime.Adapter.create(model._module, 16.0, 42)
    model.adapter = fresh.matrices()
    model.adapter_scale = fresh.scale
    for seed in (43, 44):
        model.train(chats, seed=seed, **OPTIONS)
    assert equal(result(tmp_path), model.adapter)


def test_averages_by_samples(binary, chats, tmp_path):
    halves = [chats[:30], chats[30:40]]
    for index, half in enumerate(halves):
        server = make_server(binary, tmp_path / str(index), 1, rounds=1)
        simulate(server, [Client([binary], half)])
    both = [result(tmp_path / str(index)) for index in range(2)]
    server = make_server(binary, tmp_path / "both", 2, rounds=1)
    simulate(server, [Client([binary], half) for half in halves])
    for name, matrix in result(tmp_path / "both").items():
        expected = 0.75 * both[0][name] + 0.25 * both[1][name]
        np.testing.assert_allclose(matrix, expected, rtol=1e-6, atol=1e-8)


def test_order_of_clients_is_nothing(binary, chats, tmp_path):
    clients = [Client([binary], chats[i::3]) for i in range(3)]
    for name, order in (("one", clients), ("other", clients[::-1])):
        simulate(make_server(binary, tmp_path / name, 3), order)
    assert equal(result(tmp_path / "one"), result(tmp_path / "other"))


def test_ranks_differ(binary, small, chats, tmp_path):
    """Rows that only one client has are its alone, half of the way."""
    clients = [Client([binary], chats[:20]), Client([small], chats[20:40])]
    for name, some in (("both", clients), ("large", clients[:1])):
        simulate(make_server(binary, tmp_path / name, len(some), rounds=1), some)
    start = sterna._runtime.Adapter.create(
        sterna.load(binary)._module, 16.0, 42
    ).matrices()
    both, large = result(tmp_path / "both"), result(tmp_path / "large")
    for name in both:
        rows = (slice(None), slice(3, None)) if "lora_B" in name else slice(3, None)
        expected = start[name][rows] + (large[name][rows] - start[name][rows]) / 2
        np.testing.assert_allclose(both[name][rows], expected, atol=1e-7)
        assert not np.array_equal(both[name], start[name])


def test_memory_chooses_the_rank(binary, small, chats, tmp_path):
    needs = {
        path: sterna.load(path).memory_plan()["train"]["peak"]
        for path in (binary, small)
    }
    assert needs[small] < needs[binary]
    client = Client([small, binary], chats[:10], memory=needs[binary] - 1)
    history = simulate(make_server(binary, tmp_path, 1, rounds=1), [client])
    assert history[-1]["peak-bytes"] == needs[small]
    client.memory = needs[small] - 1
    with pytest.raises(RuntimeError, match=f"at least {needs[small]} bytes"):
        simulate(make_server(binary, tmp_path / "2", 1), [client])


def test_a_killed_client_goes_on(binary, chats, tmp_path, monkeypatch):
    """A round whose process dies between two steps is the same in the end."""
    options = {"max_steps": 9, "learning_rate": 5e-3}

    def client(name):
        return Client([binary], chats[:20], state=tmp_path / name, save_steps=2)

    def server(name):
        return make_server(binary, tmp_path / name, 1, rounds=1, options=options)

    undisturbed = simulate(server("one"), [client("a")])
    taken = []
    step = sterna.Trainer.step

    def dying(self):
        if len(taken) == 5:
            raise OSError("killed")
        taken.append(step(self))
        return taken[-1]

    monkeypatch.setattr(sterna.Trainer, "step", dying)
    with pytest.raises(RuntimeError, match="killed"):
        simulate(server("other"), [client("b")])
    taken.clear()
    monkeypatch.setattr(
        sterna.Trainer, "step", lambda self: taken.append(step(self)) or taken[-1]
    )
    disturbed = simulate(server("other"), [client("b")])
    assert len([each for each in taken if each]) == 5  # 4 of 9 were kept
    assert equal(result(tmp_path / "one"), result(tmp_path / "other"))
    assert disturbed[-1]["loss"] == undisturbed[-1]["loss"]
    # What is no round's file is no reason to stop.
    (tmp_path / "b" / "round.bin").write_bytes(b"[]\n...")
    simulate(server("third"), [client("b")])
    assert equal(result(tmp_path / "one"), result(tmp_path / "third"))


@pytest.mark.parametrize("kind, settings", [
    (FedAdam, {"eta": 1e-2}), (FedAvgM, {"server_momentum": 0.9}),
])
def test_a_restarted_server_goes_on(binary, chats, tmp_path, kind, settings):
    clients = [Client([binary], chats[i::2]) for i in range(2)]

    def server(name, rounds):
        strategy = average(kind, 2, **settings)
        return make_server(binary, tmp_path / name, 2, strategy, rounds=rounds,
                           validation=chats[:5])

    straight = simulate(server("one", 4), clients)
    simulate(server("other", 2), clients)
    gone_on = simulate(server("other", 4), clients)
    assert equal(result(tmp_path / "one"), result(tmp_path / "other"))
    for history in (straight, gone_on):
        assert [each["round"] for each in history] == [0, 1, 2, 3, 4]
    losses = [[each["validation-loss"] for each in history]
              for history in (straight, gone_on)]
    assert losses[0] == losses[1]
    # A run that is over is over.
    assert simulate(server("other", 4), clients) == gone_on


def test_checkpoints_are_checked(binary, small, chats, tmp_path):
    clients = [Client([binary, small], chats[:5])]
    simulate(make_server(binary, tmp_path, 1, rounds=1), clients)
    with pytest.raises(ValueError, match="another model or rank"):
        simulate(make_server(small, tmp_path, 1), clients)
    whole = (tmp_path / "round.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04 nothing"):
        (tmp_path / "round.npz").write_bytes(content)
        with pytest.raises(ValueError, match="no checkpoint"):
            simulate(make_server(binary, tmp_path, 1), clients)


def adamw(model, w, start, mu, steps, rate, chats):
    """Steps of AdamW in NumPy with FedProx's term, with the model's gradients."""
    m = {name: np.zeros_like(each, np.float64) for name, each in w.items()}
    v = {name: np.zeros_like(each, np.float64) for name, each in w.items()}
    for t in range(1, steps + 1):
        scale = model.adapter_scale
        model.adapter = {name: each.astype(np.float32) for name, each in w.items()}
        model.adapter_scale = scale
        _, gradients = model.gradients(chats)
        for name, gradient in gradients.items():
            g = gradient + mu * (w[name] - start[name])
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            w[name] = w[name] * (1 - rate * 0.01) - rate * (
                m[name] / (1 - 0.9**t)
            ) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
    return w


def test_proximal_term(binary, chats):
    """One sample, three steps, against NumPy."""
    model = sterna.load(binary)
    fresh = sterna._runtime.Adapter.create(model._module, 16.0, 42)
    one, mu, rate = ["In the beginning was the word"], 20.0, 1e-2
    start = fresh.matrices()

    def begin():
        model.adapter = start
        model.adapter_scale = fresh.scale

    begin()
    expected = adamw(model, {name: np.float64(each) for name, each in start.items()},
                     start, mu, 3, rate, one)
    begin()
    run_options = {"max_steps": 3, "learning_rate": rate, "grad_clip": 0}
    model.train(one, proximal_mu=mu, **run_options)
    near = {name: np.copy(each) for name, each in model.adapter.items()}
    begin()
    model.train(one, **run_options)
    far = model.adapter

    def distance(one, other):
        return np.sqrt(sum(((one[name] - other[name]) ** 2).sum() for name in start))

    # Adam magnifies what is next to nothing, in a few elements.
    assert distance(near, expected) < 0.01 * distance(near, start)
    assert distance(near, start) < 0.9 * distance(far, start)
    assert distance(near, far) > 0.1 * distance(far, start)


def test_fedprox_reaches_clients(binary, chats, tmp_path):
    strategy = average(FedProx, 1, proximal_mu=5.0)
    simulate(make_server(binary, tmp_path, 1, strategy, rounds=1),
             [Client([binary], chats)])
    model = sterna.load(binary)
    model.train(chats, seed=43, proximal_mu=5.0, **OPTIONS)
    # The order of samples is the seed's, and so would be a fresh adapter's.
    assert not equal(result(tmp_path), model.adapter)
    fresh = sterna._runtime.Adapter.create(model._module, 16.0, 42)
    model.adapter = fresh.matrices()
    model.adapter_scale = fresh.scale
    model.train(chats, seed=43, proximal_mu=5.0, **OPTIONS)
    assert equal(result(tmp_path), model.adapter)


def test_privacy_clips(binary, chats, tmp_path):
    """Without noise, the update has the norm that is allowed."""
    strategy = DifferentialPrivacyClientSideFixedClipping(
        average(FedAvg, 1), noise_multiplier=0.0, clipping_norm=0.01,
        num_sampled_clients=1,
    )
    server = make_server(binary, tmp_path, 1, strategy, rounds=1, privacy="fixed")
    simulate(server, [Client([binary], chats[:10])])
    start = sterna._runtime.Adapter.create(
        sterna.load(binary)._module, 16.0, 42
    ).matrices()
    update = sum(
        float(((matrix - start[name]) ** 2).sum())
        for name, matrix in result(tmp_path).items()
    )
    assert np.sqrt(update) == pytest.approx(0.01, rel=1e-3)


def test_bytes_on_the_wire(binary, chats, tmp_path):
    size = sum(each.nbytes for each in sterna._runtime.Adapter.create(
        sterna.load(binary)._module, 16.0, 0).matrices().values())
    losses = []
    for wire_type, limit in {"f32": 1.01, "f16": 0.51, "int8": 0.28}.items():
        grid = LocalGrid([Client([binary], chats[i : i + 5]) for i in range(2)])
        server = make_server(binary, tmp_path / wire_type, 2, rounds=3,
                             wire_type=wire_type, validation=chats[20:30])
        losses.append(run(server, grid)[-1]["validation-loss"])
        for each in (grid.bytes_up, grid.bytes_down):
            assert each <= 6 * limit * size
    assert losses[1:] == pytest.approx([losses[0]] * 2, abs=0.01)
    assert len(set(losses)) == 3


class TestWire:
    """Adapters as they travel."""

    @staticmethod
    def adapter(rank=5, seed=0):
        random = np.random.default_rng(seed)
        return {
            "a.lora_A.weight": random.normal(size=(rank, 7)).astype(np.float32),
            "a.lora_B.weight": random.normal(size=(3, rank)).astype(np.float32),
            "b.lora_A.weight": np.zeros((rank, 2), np.float32),
        }

    @pytest.mark.parametrize("rank", [1, 4, 5])
    def test_round_trip(self, rank):
        adapter = self.adapter()
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

    def test_updates_leave_out_what_is_as_it_was(self):
        sent = self.adapter()
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

    def test_refuses_what_is_none(self):
        adapter = self.adapter()
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

    def test_other_models_are_refused(self, binary, chats, tmp_path):
        server = make_server(binary, tmp_path, 1, rounds=1)
        other = sterna.compile(MODELS / "sterna-kjv.gguf", tmp_path / "other.stn",
                               seq_len=64, lora_targets="q_proj")
        with pytest.raises(RuntimeError, match="other matrices"):
            simulate(server, [Client([other], chats[:3])])


class Nodes(LocalGrid):
    """Nodes by number, of which `dying` take a message with them; their places
    are taken by 11, 12, ..."""

    def __init__(self, count, dying):
        super().__init__([])
        self.online = list(range(1, count + 1))
        self.dying = set(dying)
        self.sent = []

    def get_node_ids(self):
        return list(self.online)

    def _answer(self, message, node):
        self.sent.append(node)
        if node not in self.dying:
            return Message(RecordDict({"who": ConfigRecord({"node": node})}),
                           reply_to=message)
        self.online[self.online.index(node)] = node + 10
        return Message(Error(ErrorCode.NODE_UNAVAILABLE, "gone"), reply_to=message)


def test_lost_messages_are_sent_again():
    nodes = Nodes(4, {2, 3, 13})
    messages = [Message(RecordDict(), node, "train") for node in (1, 2, 3)]
    replies = RetryGrid(nodes, pause=0).send_and_receive(messages, timeout=5)
    who = {each.content["who"]["node"] for each in replies}
    # 4 has no message of this round, 1 has had its own.
    assert who == {1, 4, 12} or who == {1, 4, 23}
    assert nodes.sent.count(1) == 1


def test_a_round_ends_in_time():
    nodes = Nodes(2, {2})
    nodes.dying |= {12, 22, 32, 42}
    messages = [Message(RecordDict(), node, "train") for node in (1, 2)]
    replies = RetryGrid(nodes, pause=0.2).send_and_receive(messages, timeout=0.5)
    assert [each.content["who"]["node"] for each in replies] == [1]


def test_configuration_is_read():
    assert _parse_bytes("512MiB") == 512 << 20 and _parse_bytes("7") == 7
    for text in ("", "5 MB", "-1", "1.5GiB"):
        with pytest.raises(ValueError, match="memory"):
            _parse_bytes(text)
