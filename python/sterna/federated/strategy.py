# ===- strategy.py - Strategies over compiled clients ----------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flower's strategies, with adapters as they travel and rounds that are kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from logging import INFO, WARNING
from typing import Any, Optional, cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyClientSideFixedClipping,
    Strategy,
)
from numpy.typing import NDArray

from . import wire
from .checkpoint import Checkpoint

_WEIGHT = "num-examples"


def privacy_of(strategy: Strategy) -> str:
    """What clients do for the privacy that `strategy` promises: nothing, or the
    name of a mod."""
    if isinstance(strategy, DifferentialPrivacyClientSideFixedClipping):
        return "fixed"
    if isinstance(strategy, DifferentialPrivacyClientSideAdaptiveClipping):
        return "adaptive"
    return ""


def _order(reply: Message) -> bytes:
    """Sorts replies, whoever sent them and whenever they came."""
    hashed = hashlib.sha256()
    for array in reply.content.array_records["arrays"].values():
        hashed.update(array.data)
    hashed.update(str(reply.content.metric_records["metrics"][_WEIGHT]).encode())
    return hashed.digest()


def _check_metrics(metrics: MetricRecord) -> None:
    """Raises ValueError where they cannot be averaged."""
    for name, value in metrics.items():
        if isinstance(value, list) or not math.isfinite(value):
            raise ValueError(f"expected a finite number as {name}, but got {value}")
    if cast(float, metrics[_WEIGHT]) <= 0:
        raise ValueError(f"expected samples, but got {metrics[_WEIGHT]}")


class FederatedStrategy(Strategy):
    """`inner`, any strategy of Flower, over adapters of `layout` that travel as
    `wire_type`. Clients' adapters reach it in one order and in one shape, so
    that equal rounds give equal bits. A round's number is its place in the whole
    federation, whatever run it is in; the seed of its clients is `seed` + that.
    After each round, the adapter, the strategy's state and what clients measured
    are in `checkpoint`."""

    def __init__(
        self,
        inner: Strategy,
        layout: wire.Layout,
        wire_type: str,
        seed: int,
        min_clients: int,
        checkpoint: Checkpoint,
    ) -> None:
        self._inner = inner
        self._layout = layout
        self._wire_type = wire_type
        self._seed = seed
        self._min_clients = min_clients
        self._checkpoint = checkpoint
        self._sent: dict[str, NDArray[np.float32]] = {}

    def summary(self) -> None:
        self._inner.summary()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        number = self._checkpoint.round + 1
        log(INFO, "round %d of the federation", number)
        config["seed"] = str(self._seed + number)
        config["privacy"] = privacy_of(self._inner)
        return self._pack(
            arrays, self._inner.configure_train(number, arrays, config, grid)
        )

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        number = self._checkpoint.round
        return self._pack(
            arrays, self._inner.configure_evaluate(number, arrays, config, grid)
        )

    def _pack(self, arrays: ArrayRecord, messages: Iterable[Message]) -> list[Message]:
        """The messages with the adapter as it travels, which is the same for
        all."""
        self._sent = wire.to_adapter(arrays)
        rank = wire.rank_of(self._sent)
        record = wire.encode(self._layout, self._sent, rank, self._wire_type)
        packed: list[Message] = []
        content: Optional[RecordDict] = None
        for message in messages:
            if content is None:
                config = message.content.config_records["config"]
                config["rank"] = rank
                config["layout"] = self._layout.digest
                config["wire-type"] = self._wire_type
                content = RecordDict({"arrays": record, "config": config})
            message.content = content
            packed.append(message)
        return packed

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[Optional[ArrayRecord], Optional[MetricRecord]]:
        number = self._checkpoint.round + 1
        valid = self._take(replies, self._decode)
        if len(valid) < self._min_clients:
            raise RuntimeError(
                f"round {number}: expected {self._min_clients} clients or more, but "
                f"{len(valid)} trained; their reasons are above. Run again to go on "
                f"from round {number}"
            )
        arrays, metrics = self._inner.aggregate_train(
            number, sorted(valid, key=_order)
        )
        if arrays is None or metrics is None:
            raise RuntimeError(f"round {number}: the strategy made no adapter")
        adapter = wire.to_adapter(arrays)
        if not wire.is_finite(adapter):
            raise RuntimeError(
                f"round {number}: the strategy's adapter is not finite; lower its "
                "learning rate"
            )
        self._checkpoint.save(number, adapter, dict(metrics))
        return wire.to_record(adapter), metrics

    def _take(self, replies: Iterable[Message], check: Any) -> list[Message]:
        """Those that `check` passes, with metrics that all have. Of others, who
        sent them and why not."""
        valid = []
        for reply in replies:
            try:
                if reply.has_error():
                    raise ValueError(reply.error.reason)
                check(reply)
                _check_metrics(reply.content.metric_records["metrics"])
                valid.append(reply)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                node = reply.metadata.src_node_id
                log(WARNING, "node %d: %s", node, str(error)[:2000])
        records = [each.content.metric_records["metrics"] for each in valid]
        common = set.intersection(*map(set, records)) if records else set()
        for record in records:
            for name in set(record) - common:
                del record[name]
        return valid

    def _decode(self, reply: Message) -> None:
        """Gives the reply the adapter that it stands for. Raises ValueError where
        it is none."""
        content = reply.content
        rank = content.config_records["wire"]["rank"]
        most = wire.rank_of(self._sent)
        if not isinstance(rank, int) or not 1 <= rank <= most:
            raise ValueError(
                f"expected a rank of 1 to {most}, but got {str(rank)[:20]}"
            )
        record = content.array_records["arrays"]
        adapter = wire.decode_update(
            self._layout, record, rank, self._wire_type, self._sent
        )
        metrics = content.metric_records["metrics"]
        if privacy_of(self._inner):
            # Noise is for equal parts.
            metrics[_WEIGHT] = 1
        reply.content = RecordDict(
            {"arrays": wire.to_record(adapter), "metrics": metrics}
        )

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> Optional[MetricRecord]:
        valid = self._take(replies, lambda reply: None)
        metrics = self._inner.aggregate_evaluate(self._checkpoint.round, valid)
        if metrics is not None:
            self._checkpoint.note(dict(metrics), prefix="evaluate-")
        return metrics
