# ===- server.py - The federation's server ---------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The server app: rounds of training on clients, and their average."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from logging import INFO
from typing import Any, Optional

from flwr.app import ArrayRecord, ConfigRecord, Context, MetricRecord
from flwr.common.logger import log
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyClientSideFixedClipping,
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedProx,
    FedYogi,
    Strategy,
)

from .. import _runtime, training
from ..data import Rows, load_data
from ..model import load
from ..options import Option, to_pairs
from . import wire
from .binary import Binary
from .checkpoint import Checkpoint
from .config import Config
from .grid import RetryGrid
from .strategy import FederatedStrategy


@dataclass
class Server:
    """What a federation is to do."""

    #: A device binary; adapters have its rank. It runs only for `validation`.
    model: str | os.PathLike[str]
    #: Averages clients' adapters, as Flower has it.
    strategy: Strategy
    rounds: int
    #: A folder: `round.npz` has the last round, which a run that begins again goes
    #: on from, `adapter` the result.
    output: str | os.PathLike[str]
    #: Options of each client's run of a round, as of `Model.train`; each round has
    #: its own seed, `seed` + its number.
    options: Mapping[str, Option] = field(default_factory=dict)
    #: Rows to measure each round's adapter on, here.
    validation: Rows | None = None
    lora_alpha: float = 16.0
    #: Adapters travel as f32, f16 or int8.
    wire_type: str = "f32"
    #: A round fails with fewer replies.
    min_clients: int = 2
    #: Seconds that a round waits for clients.
    round_timeout: float = 3600.0


_STRATEGIES: dict[str, type[FedAvg]] = {
    "fedavg": FedAvg,
    "fedprox": FedProx,
    "fedadam": FedAdam,
    "fedyogi": FedYogi,
    "fedadagrad": FedAdagrad,
}


#: Beside the options of a run.
_KEYS = ("model", "output", "rounds", "strategy", "proximal-mu", "server-learning-rate",
         "fraction-train", "fraction-evaluate", "min-clients", "round-timeout",
         "validation", "wire-type", "lora-alpha", "privacy", "privacy-noise",
         "privacy-norm", "privacy-count-noise")


def _strategy(config: Config, min_clients: int) -> Strategy:
    name = config.text("strategy", "fedavg")
    if name not in _STRATEGIES:
        raise ValueError(
            f"strategy: expected one of {', '.join(_STRATEGIES)}, but got '{name}'"
        )
    settings: dict[str, Any] = {
        "fraction_train": config.number("fraction-train", 1.0),
        "fraction_evaluate": config.number("fraction-evaluate", 0.0),
        "min_train_nodes": min_clients,
        "min_evaluate_nodes": min_clients,
        "min_available_nodes": min_clients,
    }
    if name == "fedprox":
        settings["proximal_mu"] = config.number("proximal-mu")
    elif name != "fedavg":
        settings["eta"] = config.number("server-learning-rate", 0.01)
    return _STRATEGIES[name](**settings)


def _with_privacy(strategy: Strategy, config: Config, clients: int) -> Strategy:
    """`strategy` with noise, where the configuration asks for it."""
    kind = config.text("privacy", "")
    if not kind:
        return strategy
    noise, norm = config.number("privacy-noise"), config.number("privacy-norm")
    if kind == "fixed":
        return DifferentialPrivacyClientSideFixedClipping(
            strategy, noise, norm, clients
        )
    if kind == "adaptive":
        count = "privacy-count-noise"
        return DifferentialPrivacyClientSideAdaptiveClipping(
            strategy,
            noise,
            clients,
            initial_clipping_norm=norm,
            clipped_count_stddev=config.number(count) if count in config else None,
        )
    raise ValueError(f"privacy: expected fixed or adaptive, but got '{kind}'")


def server_from_config(context: Context, also: Iterable[str] = ()) -> Server:
    """The server that the configuration of the run describes; docs/federated.md
    has its keys. An empty text is none. Raises ValueError for other keys, but for
    those of `also`, which are an app's own, and for values that are not right."""
    names = [name for name, _, _ in training.option_table()]
    config = Config("the run", context.run_config, (*_KEYS, *names, *also))
    min_clients = config.integer("min-clients", 2)
    options = config.chosen(names)
    return Server(
        model=config.text("model"),
        strategy=_with_privacy(_strategy(config, min_clients), config, min_clients),
        rounds=config.integer("rounds"),
        output=config.text("output"),
        options={name.replace("-", "_"): each for name, each in options.items()},
        validation=config.optional("validation"),
        lora_alpha=config.number("lora-alpha", 16.0),
        wire_type=config.text("wire-type", "f32"),
        min_clients=min_clients,
        round_timeout=config.number("round-timeout", 3600.0),
    )


def _evaluator(
    server: Server, checkpoint: Checkpoint, scale: float
) -> Callable[[int, ArrayRecord], Optional[MetricRecord]] | None:
    """Measures the server's validation rows."""
    rows = server.validation
    if rows is None:
        return None
    model = load(server.model)
    data = load_data(model._module, rows)

    def evaluate(_: int, arrays: ArrayRecord) -> MetricRecord:
        model.adapter = wire.to_adapter(arrays)
        model.adapter_scale = scale
        metrics = MetricRecord({"validation-loss": model.evaluate(data).loss})
        checkpoint.note(dict(metrics))
        return metrics

    return evaluate


def _check(server: Server) -> None:
    if server.wire_type not in wire.WIRE_TYPES:
        raise ValueError(
            f"wire-type: expected one of {', '.join(wire.WIRE_TYPES)}, but got "
            f"'{server.wire_type}'"
        )
    for name, number in (("rounds", server.rounds),
                         ("min-clients", server.min_clients)):
        if number < 1:
            raise ValueError(f"{name}: expected 1 or more, but got {number}")


def _seed(options: Mapping[str, str]) -> int:
    text = options.get("seed", "42")
    if not text.isdecimal() or int(text) >= 1 << 62:
        raise ValueError(f"seed: expected an integer below 2^62, but got '{text}'")
    return int(text)


def run(server: Server, grid: Grid) -> list[dict[str, Any]]:
    """Does the rounds that are left, and writes the adapter. Returns what was
    measured in each round, as history.json has it. Raises ValueError for settings
    that are not right, RuntimeError where a round fails; to run again is to go
    on."""
    _check(server)
    options = dict(to_pairs(server.options, training.option_table()))
    seed = _seed(options)
    fresh = Binary.open(server.model).fresh_adapter(server.lora_alpha, seed)
    checkpoint = Checkpoint(
        server.output, server.strategy, fresh.matrices(), fresh.scale
    )
    if checkpoint.round > 0:
        log(INFO, "going on after round %d", checkpoint.round)
    FederatedStrategy(
        server.strategy,
        wire.Layout.of(checkpoint.adapter),
        server.wire_type,
        seed,
        server.min_clients,
        checkpoint,
    ).start(
        RetryGrid(grid),
        wire.to_record(checkpoint.adapter),
        num_rounds=server.rounds - checkpoint.round,
        timeout=server.round_timeout,
        train_config=ConfigRecord({"scale": fresh.scale, **options}),
        evaluate_config=ConfigRecord({"scale": fresh.scale}),
        evaluate_fn=_evaluator(server, checkpoint, fresh.scale),
    )
    folder = pathlib.Path(server.output) / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    _runtime.Adapter.assemble(checkpoint.adapter, fresh.scale).save(str(folder))
    log(INFO, "adapter of round %d: %s", checkpoint.round, folder)
    return checkpoint.history


def make_server_app(prepare: Callable[[Context], Server]) -> ServerApp:
    """A server app of the server that `prepare` makes."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        run(prepare(context), grid)

    return app
