# ===- test_federated.py - Federated tuning --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Federations in this process, against NumPy and against runs on one machine."""

import json

import numpy as np
import pytest
from conftest import MODELS

import sterna

pytest.importorskip("flwr")
from flwr.app import (
    Array,
    ConfigRecord,
    Context,
    Error,
    Message,
    RecordDict,
)
from flwr.common.constant import ErrorCode
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideFixedClipping,
    FedAdam,
    FedAvg,
    FedAvgM,
    FedProx,
)

from sterna.federated import (
    Client,
    Server,
    client_from_config,
    server_from_config,
    simulate,
)
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


def test_memory_chooses_the_rank(binary, small, chats, tmp_path, caplog):
    needs = {
        path: sterna.load(path).memory_plan()["train"]["peak"]
        for path in (binary, small)
    }
    assert needs[small] < needs[binary]
    client = Client([small, binary], chats[:10], memory=needs[binary] - 1)
    history = simulate(make_server(binary, tmp_path, 1, rounds=1), [client])
    assert history[-1]["peak-bytes"] == needs[small]
    client.memory = needs[small] - 1
    with pytest.raises(RuntimeError, match="expected 1 clients or more, but 0"):
        simulate(make_server(binary, tmp_path / "2", 1), [client])
    assert f"at least {needs[small]} bytes" in caplog.text


def write_rows(path, rows):
    """A file with the rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_killed_client_goes_on(binary, chats, tmp_path, monkeypatch):
    """A round whose process dies between two steps is the same in the end."""
    options = {"max_steps": 9, "learning_rate": 5e-3, "proximal_mu": 0.5}
    rows = write_rows(tmp_path / "rows.jsonl", chats[:20])

    def client(name):
        return Client([binary], rows, state=tmp_path / name, save_steps=2)

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
    with pytest.raises(RuntimeError, match="clients or more"):
        simulate(server("other"), [client("b")])
    taken.clear()
    monkeypatch.setattr(
        sterna.Trainer, "step", lambda self: taken.append(step(self)) or taken[-1]
    )
    disturbed = simulate(server("other"), [client("b")])
    assert len([each for each in taken if each]) == 5  # 4 of 9 were kept
    assert equal(result(tmp_path / "one"), result(tmp_path / "other"))
    assert disturbed[-1]["loss"] == undisturbed[-1]["loss"]
    # What is no round's file, or a damaged one, is no reason to stop.
    kept = tmp_path / "b" / "round.bin"
    whole = kept.read_bytes()
    for number, content in enumerate((b"[]\n...", whole[: len(whole) // 2])):
        kept.write_bytes(content)
        simulate(server(f"{number}"), [client("b")])
        assert equal(result(tmp_path / "one"), result(tmp_path / f"{number}"))
    # Another scale, or other rows, are another round.
    for name, settings, rows_now in (("alpha", {"lora_alpha": 64.0}, chats[:20]),
                                     ("rows", {}, chats[:19])):
        write_rows(rows, rows_now)
        for state in (tmp_path / "b", None):
            output = tmp_path / f"{name}{state is None}"
            other = make_server(binary, output, 1, rounds=1, options=options,
                                **settings)
            simulate(other, [Client([binary], rows, state=state)])
        both = [result(tmp_path / f"{name}{each}") for each in (False, True)]
        assert equal(*both)
    with pytest.raises(RuntimeError, match="clients or more"):
        simulate(server("lists"), [Client([binary], chats, state=tmp_path / "b")])


def test_state_has_where_a_run_began(binary, chats):
    """With a proximal term, a run goes on wherever its state is taken to."""
    options = {"max_steps": 4, "learning_rate": 1e-2, "proximal_mu": 3.0}
    models = [sterna.load(binary) for _ in range(2)]
    trainer = models[0].trainer(chats, **options)
    trainer.step()
    trainer.step()
    other = models[1].trainer(chats, seed=42, **options)
    other.step()
    other.state = trainer.state
    for each in (trainer, other):
        list(each)
    assert equal(models[0].adapter, models[1].adapter)
    with pytest.raises(sterna.Error, match="training state"):
        plain = {**options, "proximal_mu": 0}
        models[1].trainer(chats, **plain).state = trainer.state


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

    def refused(match, model=binary, **settings):
        with pytest.raises(ValueError, match=match):
            simulate(make_server(model, tmp_path, 1, **settings), clients)

    refused("another model or rank", small)
    refused("scaled by 2", lora_alpha=32.0)
    refused("strategy FedAvg, not FedAdam", strategy=average(FedAdam, 1))
    whole = (tmp_path / "round.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04 nothing"):
        (tmp_path / "round.npz").write_bytes(content)
        refused("no checkpoint")
    (tmp_path / "round.npz").write_bytes(whole)
    (tmp_path / "history.json").write_text("[1]")
    refused("no checkpoint")
    (tmp_path / "history.json").unlink()
    assert simulate(make_server(binary, tmp_path, 1), clients)[-1]["round"] == 2


def test_settings_are_those_of_the_run(binary, chats, tmp_path):
    """What goes on has the settings that it is given, not those it was begun
    with."""
    clients = [Client([binary], chats[:5])]
    for rounds, eta in ((1, 0.01), (2, 0.05)):
        strategy = average(FedAdam, 1, eta=eta)
        simulate(make_server(binary, tmp_path, 1, strategy, rounds=rounds), clients)
        assert strategy.eta == eta


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


def privately(clients, **settings):
    """Fixed clipping, noise apart."""
    settings = {"noise_multiplier": 0.0, "clipping_norm": 0.01, **settings}
    return DifferentialPrivacyClientSideFixedClipping(
        average(FedAvg, clients), num_sampled_clients=clients, **settings
    )


def update_of(binary, output):
    """What a federation of one round has added."""
    model = sterna.load(binary)
    start = sterna._runtime.Adapter.create(model._module, 16.0, 42).matrices()
    return {name: each - start[name] for name, each in result(output).items()}


def norm(matrices):
    return np.sqrt(sum(float((each**2).sum()) for each in matrices.values()))


def test_privacy_clips(binary, chats, tmp_path):
    """Without noise, the update has the norm that is allowed, and those of
    clients with few rows count as others do."""
    parts = [chats[:10], chats[10:12]]
    for index, part in enumerate(parts):
        server = make_server(binary, tmp_path / f"{index}", 1, privately(1), rounds=1)
        simulate(server, [Client([binary], part)])
        assert norm(update_of(binary, tmp_path / f"{index}")) == pytest.approx(
            0.01, rel=1e-3
        )
    server = make_server(binary, tmp_path / "both", 2, privately(2), rounds=1)
    simulate(server, [Client([binary], part) for part in parts])
    both, one, other = (
        update_of(binary, tmp_path / name) for name in ("both", "0", "1")
    )
    for name, matrix in both.items():
        np.testing.assert_allclose(matrix, (one[name] + other[name]) / 2, atol=1e-7)


def test_privacy_of_nothing(binary, chats, tmp_path, caplog):
    server = make_server(binary, tmp_path, 1, privately(1), rounds=1,
                         options={"max_steps": 1, "learning_rate": 0})
    with pytest.raises(RuntimeError, match="clients or more"):
        simulate(server, [Client([binary], chats[:5])])
    assert "cannot be clipped" in caplog.text


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


def test_other_models_are_refused(binary, chats, tmp_path, caplog):
    server = make_server(binary, tmp_path, 1, rounds=1)
    other = sterna.compile(MODELS / "sterna-kjv.gguf", tmp_path / "other.stn",
                           seq_len=64, lora_targets="q_proj")
    with pytest.raises(RuntimeError, match="clients or more"):
        simulate(server, [Client([other], chats[:3])])
    assert "other matrices" in caplog.text


class Odd(LocalGrid):
    """A grid whose last client's replies `change` makes odd."""

    def __init__(self, clients, change):
        super().__init__(clients)
        self._change = change

    def _answer(self, message, node):
        reply = super()._answer(message, node)
        if node == len(self._clients):
            self._change(reply.content)
        return reply


def set_in(record, key, value):
    """A function that sets `key` in a record of a reply."""
    return lambda content: content[record].__setitem__(key, value)


@pytest.mark.parametrize("change", [
    lambda content: content.pop("wire"),
    lambda content: content.pop("metrics"),
    set_in("wire", "rank", 16),
    set_in("wire", "rank", 5 * 10**7),
    set_in("wire", "rank", "8"),
    set_in("wire", "rank", 3),
    set_in("arrays", "adapter", Array(np.full(233472, np.nan, np.float32))),
    set_in("metrics", "num-examples", float("nan")),
    set_in("metrics", "num-examples", -19),
    set_in("metrics", "loss", [1.0, 2.0]),
], ids=range(10))
def test_odd_replies_are_left_out(binary, chats, tmp_path, caplog, change):
    """One client does not stop a federation, nor does it get into the result."""
    clients = [Client([binary], chats[i : i + 5]) for i in (0, 5)]
    server = make_server(binary, tmp_path / "odd", 2, rounds=1)
    server.min_clients = 1
    run(server, Odd(clients, change))
    simulate(make_server(binary, tmp_path / "one", 1, rounds=1), clients[:1])
    assert equal(result(tmp_path / "odd"), result(tmp_path / "one"))
    assert "node 2: " in caplog.text


def test_metrics_of_some_are_left_out(binary, chats, tmp_path):
    clients = [Client([binary], chats[i : i + 5], validation=chats[:3]) for i in (0, 5)]
    strategy = FedAvg(min_train_nodes=2, min_evaluate_nodes=2, min_available_nodes=2)
    server = make_server(binary, tmp_path, 2, strategy, rounds=1)
    history = run(server, Odd(clients, set_in("metrics", "more", 1.0)))
    assert "more" not in history[-1] and history[-1]["evaluate-loss"] > 0


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


def test_a_node_that_crashes_is_left_out():
    nodes = Nodes(1, {})
    nodes._answer = lambda message, node: Message(
        Error(ErrorCode.CLIENT_APP_CRASHED, "out of memory"), reply_to=message
    )
    messages = [Message(RecordDict(), 1, "train", group_id="7")]
    (reply,) = RetryGrid(nodes, pause=0).send_and_receive(messages, timeout=30)
    assert reply.error.reason == "out of memory" and reply.metadata.group_id == "7"


def test_refused_messages_are_sent_again():
    nodes = Nodes(3, {})
    push, refusals = nodes.push_messages, []

    def refusing(messages):
        ids = push(messages)
        if refusals:
            return ids
        refusals.append(ids)
        for number in ids[1:]:
            nodes._replies.pop(number)
        return [ids[0], "", ""]

    nodes.push_messages = refusing
    messages = [Message(RecordDict(), node, "train") for node in (1, 2, 3)]
    replies = RetryGrid(nodes, pause=0).send_and_receive(messages, timeout=30)
    assert {each.content["who"]["node"] for each in replies} == {1, 2, 3}
    nodes.push_messages = lambda messages: []
    with pytest.raises(RuntimeError, match="too large"):
        RetryGrid(nodes, pause=0).send_and_receive(messages, timeout=30)


def context(node=(), run=()):
    """Of an app, with these configurations."""
    return Context(0, 1, dict(node), RecordDict(), dict(run))


def test_configuration_is_read():
    assert _parse_bytes("512MiB") == 512 << 20 and _parse_bytes("7") == 7
    for text in ("5 MB", "-1", "1.5GiB"):
        with pytest.raises(ValueError, match="memory"):
            _parse_bytes(text)
    node = {"model": "a.stn, b.stn", "data": "c", "memory": "1KiB", "state": "",
            "partition-id": 1, "assistant-only-loss": True}
    client = client_from_config(context(node))
    assert client == Client(["a.stn", "b.stn"], "c", memory=1024,
                            assistant_only_loss=True)
    for key, value, match in (("memroy", "1", "did you mean memory"),
                              ("threads", "two", "threads"),
                              ("data", "", "does not say its data")):
        with pytest.raises(ValueError, match=match):
            client_from_config(context({**node, key: value}))


def test_configuration_of_a_run_is_read():
    config = {"model": "a.stn", "output": "b", "rounds": 3, "strategy": "fedprox",
              "proximal-mu": 0.5, "epochs": "", "max-steps": 7, "min-clients": 3,
              "privacy": "fixed", "privacy-noise": 1.0, "privacy-norm": 2.0,
              "no-shuffle": True}
    server = server_from_config(context(run=config))
    assert server.options == {"max_steps": 7, "proximal_mu": 0.5, "no_shuffle": True}
    assert server.strategy.strategy.proximal_mu == 0.5
    assert (server.strategy.clipping_norm, server.min_clients) == (2.0, 3)
    with pytest.raises(ValueError, match="min-client, did you mean"):
        server_from_config(context(run={**config, "min-client": 1}))
    for key, value in (("strategy", "fedfoo"), ("privacy", "fixd"), ("rounds", ""),
                       ("privacy-noise", ""), ("lora-alpha", "much")):
        with pytest.raises(ValueError, match=key):
            server_from_config(context(run={**config, key: value}))


def test_settings_are_checked(binary, tmp_path):
    for settings, match in (
        ({"rounds": 0}, "rounds"), ({"min_clients": 0}, "min-clients"),
        ({"wire_type": "f8"}, "wire-type"), ({"options": {"seed": -1}}, "seed"),
    ):
        with pytest.raises(ValueError, match=match):
            simulate(make_server(binary, tmp_path, 1, **settings), [])
    with pytest.raises(TypeError, match="learning_rate"):
        simulate(make_server(binary, tmp_path, 1, options={"learning_rat": 1}), [])
