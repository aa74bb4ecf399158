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
from typing import Any, Optional, cast

import numpy as np
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import adaptiveclipping_mod, fixedclipping_mod
from numpy.typing import NDArray

from .. import training
from ..data import Rows
from ..model import Model, load
from . import wire
from .binary import Binary
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
    #: A folder where a round that is under way is kept, every `save_steps` steps:
    #: a client that was killed goes on from there.
    state: str | os.PathLike[str] | None = None
    save_steps: int = 10
    #: Bytes that training may take; None: any number.
    memory: int | None = None
    device: str = "cpu"
    threads: int = 0


_UNITS = {"": 0, "KiB": 10, "MiB": 20, "GiB": 30}


def _parse_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)(|KiB|MiB|GiB)", text)
    if not match:
        raise ValueError(
            f"memory: expected bytes, such as 512MiB or 2GiB, but got '{text}'"
        )
    return int(match[1]) << _UNITS[match[2]]


def client_from_config(context: Context) -> Client:
    """The client that the configuration of the node describes, which the server
    does not see or change: `model` (several with commas), `data`, `validation`,
    `state`, `save-steps`, `memory` (such as 512MiB), `device`, `threads`."""
    config = context.node_config
    for key in ("model", "data"):
        if key not in config:
            raise ValueError(
                f"the node does not say its {key}: start it with --node-config "
                f"'{key}=\"PATH\"'"
            )
    return Client(
        models=str(config["model"]).split(","),
        data=str(config["data"]),
        validation=cast(Optional[str], config.get("validation")),
        state=cast(Optional[str], config.get("state")),
        save_steps=int(config.get("save-steps", 10)),
        memory=_parse_bytes(str(config["memory"])) if "memory" in config else None,
        device=str(config.get("device", "cpu")),
        threads=int(config.get("threads", 0)),
    )


@lru_cache(maxsize=1)
def _load(path: str, device: str, threads: int) -> Model:
    """A model, kept for the next message of this process."""
    return load(path, device=device, threads=threads)


def _choose(client: Client) -> Binary:
    """The device binary of the highest rank that fits."""
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


def _options(config: ConfigRecord) -> dict[str, Any]:
    """What of a round's configuration are options of a run."""
    names = {name for name, _, _ in training.option_table()}
    return {
        key.replace("-", "_"): value for key, value in config.items() if key in names
    }


def _prepare(
    client: Client,
    binary: Binary,
    adapter: wire.Adapter,
    config: ConfigRecord,
) -> Model:
    """The model with the first rows of the adapter, as many as it has."""
    model = _load(binary.path, client.device, client.threads)
    rank = min(wire.rank_of(adapter), binary.rank)
    model.adapter = wire.truncate(adapter, rank)
    model.adapter_scale = cast(float, config["scale"])
    return model


def _to_numpy(record: ArrayRecord) -> dict[str, NDArray[np.float32]]:
    return {name: array.numpy() for name, array in record.items()}


def _train(
    client: Client, binary: Binary, message: Message, context: Context
) -> Message:
    """A round: the adapter as plain arrays in, and of the same shapes out."""
    config = message.content.config_records["config"]
    received = _to_numpy(message.content.array_records["arrays"])
    model = _prepare(client, binary, received, config)
    steps = Round(
        model,
        client.data,
        received,
        _options(config),
        client.state,
        client.save_steps,
    )
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
    arrays = ArrayRecord({name: Array(trained[name]) for name in received})
    content = RecordDict({"arrays": arrays, "metrics": metrics})
    return Message(content, reply_to=message)


def _privacy(message: Message, context: Context, call: Any) -> Message:
    """Flower's mod for the strategy that the server has."""
    kind = message.content.config_records["config"].get("privacy", "")
    mods = {"fixed": fixedclipping_mod, "adaptive": adaptiveclipping_mod}
    if kind in mods:
        return mods[str(kind)](message, context, call)
    reply: Message = call(message, context)
    return reply


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
        arrays = {name: Array(matrix) for name, matrix in received.items()}
        # Not changed in place: simulated clients share it.
        message.content = RecordDict({"arrays": ArrayRecord(arrays), "config": config})
        call: App = partial(_train, client, binary)
        for mod in reversed((_privacy, *mods)):
            call = partial(_call, mod, call)
        reply = call(message, context)
        if reply.has_error():
            return reply
        trained = _to_numpy(reply.content.array_records["arrays"])
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
        result = model.evaluate(client.validation)
        metrics = MetricRecord({"num-examples": result.tokens, "loss": result.loss})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def _call(mod: Mod, call: App, message: Message, context: Context) -> Message:
    return mod(message, context, call)
