# ===- client.py - One participant -----------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The client app: rounds of the compiled step on rows that stay here."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import adaptiveclipping_mod, fixedclipping_mod
from numpy.typing import NDArray

from .. import training
from ..data import Rows
from ..model import Model, load
from . import wire
from .binary import Binary
from .config import Config
from .round import Round

App = Callable[[Message, Context], Message]
#: As Flower has them: the message, the context, and what to call next.
Mod = Callable[[Message, Context, App], Message]


@dataclass
class Client:
    """What a participant has."""

    #: Device binaries of one model, with adapters of different ranks: that of the
    #: highest rank is used whose training fits `memory`.
    models: Sequence[str | os.PathLike[str]]
    #: A path or rows, as for `Model.train`. They stay here.
    data: Rows
    #: To evaluate a round's adapter on, where the server asks for it.
    validation: Rows | None = None
    #: Of chats, only what the assistant says is scored.
    assistant_only_loss: bool = False
    #: A folder where a round that is under way is kept, every `save_steps` steps:
    #: a client that was killed goes on from there. `data` is a path then.
    state: str | os.PathLike[str] | None = None
    save_steps: int = 10
    #: Bytes that training may take; None: any number.
    memory: int | None = None
    device: str = "cpu"
    threads: int = 0


_UNITS = {"": 0, "KiB": 10, "MiB": 20, "GiB": 30}
_KEYS = ("model", "data", "validation", "assistant-only-loss", "state", "save-steps",
         "memory", "device", "threads")
#: That Flower gives to simulated nodes.
_FLOWERS_KEYS = ("partition-id", "num-partitions")


def _parse_bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)(|KiB|MiB|GiB)", text)
    if not match:
        raise ValueError(
            f"memory: expected bytes, such as 512MiB or 2GiB, but got '{text}'"
        )
    return int(match[1]) << _UNITS[match[2]]


def client_from_config(context: Context) -> Client:
    """The client that the configuration of the node describes, which the server
    does not see or change: `model` (several with commas), `data`, `validation`,
    `assistant-only-loss`, `state`, `save-steps`, `memory` (such as 512MiB),
    `device`, `threads`. Raises ValueError for other keys and values."""
    config = Config("the node", context.node_config, (*_KEYS, *_FLOWERS_KEYS))
    return Client(
        models=[path.strip() for path in config.text("model").split(",")],
        data=config.text("data"),
        validation=config.optional("validation"),
        assistant_only_loss=config.flag("assistant-only-loss"),
        state=config.optional("state"),
        save_steps=config.integer("save-steps", 10),
        memory=_parse_bytes(config.optional("memory")),
        device=config.text("device", "cpu"),
        threads=config.integer("threads", 0),
    )


@lru_cache(maxsize=1)
def _load(path: str, stamp: int, device: str, threads: int) -> Model:
    """A model, kept for the next message of this process unless its file is
    another by its `stamp`."""
    return load(path, device=device, threads=threads)


def _choose(client: Client) -> Binary:
    """The device binary of the highest rank that fits. Where that is above the
    server's, the rows beyond stay zero."""
    binaries = [Binary.open(path) for path in client.models]
    limit = math.inf if client.memory is None else client.memory
    fitting = [each for each in binaries if each.train_peak <= limit]
    if not fitting:
        least = min(binaries, key=lambda each: each.train_peak)
        raise ValueError(
            f"training needs at least {least.train_peak} bytes, with "
            f"'{least.path}' of rank {least.rank}, but {limit} are allowed: compile "
            "it with a shorter --seq-len or a smaller --lora-rank"
        )
    return max(fitting, key=lambda each: each.rank)


def _decode(binary: Binary, message: Message) -> dict[str, NDArray[np.float32]]:
    """The server's adapter. Raises ValueError where it is another model's."""
    config = message.content.config_records["config"]
    if config["layout"] != binary.layout.digest:
        raise ValueError(
            f"the server tunes other matrices than '{binary.path}' has: compile the "
            "same model, with the server's --lora-targets"
        )
    return wire.decode(
        binary.layout,
        message.content.array_records["arrays"],
        cast(int, config["rank"]),
        str(config["wire-type"]),
    )


def _prepare(
    client: Client,
    binary: Binary,
    adapter: wire.Adapter,
    config: ConfigRecord,
) -> Model:
    """The model with the first rows of the adapter, as many as it has."""
    stamp = os.stat(binary.path).st_mtime_ns
    model = _load(binary.path, stamp, client.device, client.threads)
    rank = min(wire.rank_of(adapter), binary.rank)
    model.adapter = wire.truncate(adapter, rank)
    model.adapter_scale = cast(float, config["scale"])
    return model


def _begin(
    client: Client, binary: Binary, received: wire.Adapter, config: ConfigRecord
) -> tuple[Model, Round]:
    """The steps of a round, of which some may be done."""
    names = {name for name, _, _ in training.option_table()}
    options = {key: value for key, value in config.items() if key in names}
    model = _prepare(client, binary, received, config)
    steps = Round(
        model,
        client.data,
        client.assistant_only_loss,
        {key.replace("-", "_"): cast(Any, value) for key, value in options.items()},
    )
    if client.state is not None:
        if not isinstance(client.data, (str, os.PathLike)):
            raise ValueError("state: the rows of a round that is kept are a file's")
        if client.save_steps < 1:
            raise ValueError(f"save-steps: expected 1 or more, not {client.save_steps}")
        settings = {
            **options,
            "scale": config["scale"],
            "assistant-only-loss": client.assistant_only_loss,
        }
        steps.keep(
            client.state,
            client.save_steps,
            received,
            [binary.path, client.data],
            settings,
        )
    return model, steps


def _train(
    client: Client, binary: Binary, message: Message, context: Context
) -> Message:
    """A round: the adapter as plain arrays in, and of the same shapes out."""
    config = message.content.config_records["config"]
    received = wire.to_adapter(message.content.array_records["arrays"])
    model, steps = _begin(client, binary, received, config)
    done = steps.run()
    trained = wire.pad(model.adapter or {}, received)
    metrics = MetricRecord(
        {
            "num-examples": steps.samples,
            "loss": done.loss,
            "tokens": done.tokens,
            "seconds": done.seconds,
            "peak-bytes": binary.train_peak,
        }
    )
    content = RecordDict({"arrays": wire.to_record(trained), "metrics": metrics})
    return Message(content, reply_to=message)


#: Mods for the client's part of differential privacy, by the server's kind.
_PRIVACY: dict[str, Mod] = {
    "fixed": fixedclipping_mod,
    "adaptive": adaptiveclipping_mod,
}


def _privacy(message: Message, context: Context, call: App) -> Message:
    """Flower's mod for the strategy that the server has."""
    kind = str(message.content.config_records["config"]["privacy"])
    if not kind:
        return call(message, context)
    if kind not in _PRIVACY:
        raise ValueError(f"the server asks for an unknown kind of privacy, '{kind}'")
    try:
        return _PRIVACY[kind](message, context, call)
    except ZeroDivisionError:
        # The mod divides by the norm of the update.
        raise ValueError(
            "the round changed nothing, which cannot be clipped: see learning-rate "
            "and warmup-steps"
        ) from None


def make_client_app(
    prepare: Callable[[Context], Client], mods: Sequence[Mod] = ()
) -> ClientApp:
    """A client app of the client that `prepare` makes. `mods` see adapters as
    arrays of f32 by PEFT's names, whatever the wire type; the first is called
    first."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = prepare(context)
        binary = _choose(client)
        received = _decode(binary, message)
        config = message.content.config_records["config"]
        # Not changed in place: simulated clients share it.
        message.content = RecordDict(
            {"arrays": wire.to_record(received), "config": config}
        )
        call: App = partial(_train, client, binary)
        for mod in reversed((_privacy, *mods)):
            call = partial(_call, mod, call)
        reply = call(message, context)
        if reply.has_error():
            return reply
        trained = wire.to_adapter(reply.content.array_records["arrays"])
        record, rank = wire.encode_update(
            binary.layout, trained, received, str(config["wire-type"])
        )
        reply.content["arrays"] = record
        reply.content["wire"] = ConfigRecord({"rank": rank})
        return reply

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        client = prepare(context)
        if client.validation is None:
            raise ValueError("the node has no validation rows")
        binary = _choose(client)
        config = message.content.config_records["config"]
        model = _prepare(client, binary, _decode(binary, message), config)
        result = model.evaluate(
            client.validation, assistant_only_loss=client.assistant_only_loss
        )
        metrics = MetricRecord({"num-examples": result.tokens, "loss": result.loss})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def _call(mod: Mod, call: App, message: Message, context: Context) -> Message:
    return mod(message, context, call)
