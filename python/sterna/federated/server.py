# ===- server.py - The federation's server ---------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The server app: rounds of training on clients, and their average."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from logging import INFO
from typing import Any, Optional, cast

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
from .binary import Binary
from .checkpoint import Checkpoint
from .grid import RetryGrid
from .strategy import FederatedStrategy, to_adapter, to_record
from .wire import WIRE_TYPES, Layout, rank_of


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
    #: The client's part of differential privacy: "", "fixed" or "adaptive".
    privacy: str = ""


_STRATEGIES: dict[str, type[FedAvg]] = {
    "fedavg": FedAvg,
    "fedprox": FedProx,
    "fedadam": FedAdam,
    "fedyogi": FedYogi,
    "fedadagrad": FedAdagrad,
}


def _strategy(config: Mapping[str, Any], min_clients: int) -> Strategy:
    name = str(config.get("strategy", "fedavg"))
    if name not in _STRATEGIES:
        raise ValueError(
            f"strategy: expected one of {', '.join(_STRATEGIES)}, but got '{name}'"
        )
    settings: dict[str, Any] = {
        "fraction_train": float(config.get("fraction-train", 1.0)),
        "fraction_evaluate": float(config.get("fraction-evaluate", 0.0)),
        "min_train_nodes": min_clients,
        "min_evaluate_nodes": min_clients,
        "min_available_nodes": min_clients,
    }
    if name == "fedprox":
        settings["proximal_mu"] = float(config["proximal-mu"])
    if "server-learning-rate" in config and name not in ("fedavg", "fedprox"):
        settings["eta"] = float(config["server-learning-rate"])
    return _STRATEGIES[name](**settings)


def _with_privacy(
    strategy: Strategy, config: Mapping[str, Any], clients: int
) -> Strategy:
    """`strategy` with noise, where the configuration asks for it."""
    kind = str(config.get("privacy", ""))
    if not kind:
        return strategy
    noise = float(config["privacy-noise"])
    norm = float(config["privacy-norm"])
    if kind == "fixed":
        return DifferentialPrivacyClientSideFixedClipping(
            strategy, noise, norm, clients
        )
    if kind == "adaptive":
        return DifferentialPrivacyClientSideAdaptiveClipping(
            strategy, noise, clients, initial_clipping_norm=norm
        )
    raise ValueError(f"privacy: expected fixed or adaptive, but got '{kind}'")


def server_from_config(context: Context) -> Server:
    """The server that the configuration of the run describes; docs/federated.md
    has its keys."""
    config = context.run_config
    for key in ("model", "output", "rounds"):
        if not config.get(key):
            raise ValueError(f"the run does not say its {key}")
    min_clients = int(config.get("min-clients", 2))
    names = {name for name, _, _ in training.option_table()}
    options = {
        key.replace("-", "_"): value
        for key, value in config.items()
        if key in names and value != ""
    }
    validation = config.get("validation")
    return Server(
        model=str(config["model"]),
        strategy=_with_privacy(_strategy(config, min_clients), config, min_clients),
        rounds=int(config["rounds"]),
        output=str(config["output"]),
        options=options,
        validation=str(validation) if validation else None,
        lora_alpha=float(config.get("lora-alpha", 16.0)),
        wire_type=str(config.get("wire-type", "f32")),
        min_clients=min_clients,
        round_timeout=float(config.get("round-timeout", 3600)),
        privacy=str(config.get("privacy", "")),
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
        model.adapter = to_adapter(arrays)
        model.adapter_scale = scale
        loss = model.evaluate(data).loss
        checkpoint.note({"round": checkpoint.round, "validation-loss": loss})
        return MetricRecord({"validation-loss": loss})

    return evaluate


def run(server: Server, grid: Grid) -> list[dict[str, Any]]:
    """Does the rounds that are left, and writes the adapter. Returns what was
    measured in each round, as history.json has it."""
    if server.wire_type not in WIRE_TYPES:
        raise ValueError(
            f"wire-type: expected one of {', '.join(WIRE_TYPES)}, but got "
            f"'{server.wire_type}'"
        )
    to_pairs(server.options, training.option_table())  # refuses what is none
    seed = cast(int, server.options.get("seed", 42))
    fresh = Binary.open(server.model).fresh_adapter(server.lora_alpha, seed)
    adapter = fresh.matrices()
    layout = Layout.of(adapter)
    checkpoint = Checkpoint(server.output)
    checkpoint.load(server.strategy, layout, rank_of(adapter))
    if checkpoint.round > 0:
        log(INFO, "going on after round %d", checkpoint.round)
    config = ConfigRecord({"scale": fresh.scale, "privacy": server.privacy})
    for keyword, value in server.options.items():
        config[keyword.replace("_", "-")] = cast(Any, value)
    FederatedStrategy(
        server.strategy,
        layout,
        server.wire_type,
        seed,
        server.min_clients,
        checkpoint,
    ).start(
        RetryGrid(grid),
        to_record(checkpoint.adapter or adapter),
        num_rounds=server.rounds - checkpoint.round,
        timeout=server.round_timeout,
        train_config=config,
        evaluate_config=ConfigRecord({"scale": fresh.scale}),
        evaluate_fn=_evaluator(server, checkpoint, fresh.scale),
    )
    result = _runtime.Adapter.assemble(checkpoint.adapter or adapter, fresh.scale)
    folder = pathlib.Path(server.output) / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    result.save(str(folder))
    log(INFO, "adapter: %s", folder)
    return checkpoint.history


def make_server_app(prepare: Callable[[Context], Server]) -> ServerApp:
    """A server app of the server that `prepare` makes."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        run(prepare(context), grid)

    return app
