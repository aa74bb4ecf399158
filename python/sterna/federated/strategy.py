# ===- strategy.py - Strategies over compiled clients ----------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flower's strategies, with adapters as they travel and rounds that are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Optional, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from . import wire
from .checkpoint import Checkpoint


def to_record(adapter: wire.Adapter) -> ArrayRecord:
    """The adapter as Flower's strategies know it, in the order of its names."""
    return ArrayRecord({name: Array(adapter[name]) for name in sorted(adapter)})


def to_adapter(record: ArrayRecord) -> dict[str, NDArray[np.float32]]:
    """The adapter of a record, in f32."""
    return {
        name: np.ascontiguousarray(array.numpy(), np.float32)
        for name, array in record.items()
    }


class _Reply:
    """What a client sent, decoded."""

    def __init__(self, message: Message, content: RecordDict) -> None:
        self.message = message
        self.content = content

    @property
    def order(self) -> bytes:
        """Sorts replies, whoever sent them and whenever they came."""
        hashed = hashlib.sha256()
        for array in self.content.array_records["arrays"].values():
            hashed.update(array.data)
        metrics = self.content.metric_records["metrics"]
        hashed.update(str(metrics["num-examples"]).encode())
        return hashed.digest()


class FederatedStrategy(Strategy):
    """`inner`, any strategy of Flower, over adapters of `layout` that travel as
    `wire_type`. Clients' adapters reach it in one order and in one shape. After
    each round, the adapter, the strategy's state and what clients measured are in
    `checkpoint`."""

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
        self._sent = to_adapter(arrays)
        number = self._checkpoint.round + 1
        config["seed"] = self._seed + number
        messages = self._inner.configure_train(number, arrays, config, grid)
        return self._pack(messages)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        self._sent = to_adapter(arrays)
        messages = self._inner.configure_evaluate(
            self._checkpoint.round, arrays, config, grid
        )
        return self._pack(messages)

    def _pack(self, messages: Iterable[Message]) -> list[Message]:
        """The messages with the adapter as it travels, which is the same for
        all."""
        packed: list[Message] = []
        content: Optional[RecordDict] = None
        for message in messages:
            if content is None:
                rank = wire.rank_of(self._sent)
                record = wire.encode(self._layout, self._sent, rank, self._wire_type)
                config = message.content.config_records["config"]
                config["rank"] = rank
                config["layout"] = self._layout.digest
                config["wire-type"] = self._wire_type
                content = RecordDict({"arrays": record, "config": config})
            packed.append(
                Message(
                    content,
                    message.metadata.dst_node_id,
                    message.metadata.message_type,
                )
            )
        return packed

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[Optional[ArrayRecord], Optional[MetricRecord]]:
        number = self._checkpoint.round + 1
        decoded = [self._decode(each) for each in self._check(number, replies)]
        decoded.sort(key=lambda each: each.order)
        messages = []
        for each in decoded:
            each.message.content = each.content
            messages.append(each.message)
        arrays, metrics = self._inner.aggregate_train(number, messages)
        if arrays is None:
            raise RuntimeError(f"round {number}: the strategy made no adapter")
        adapter = to_adapter(arrays)
        self._checkpoint.save(number, adapter, self._inner, dict(metrics or {}))
        return to_record(adapter), metrics

    def _check(self, number: int, replies: Iterable[Message]) -> list[Message]:
        """Those that are no errors. Raises RuntimeError where they are too few:
        the run can go on from the round before."""
        replies = list(replies)
        valid = [each for each in replies if not each.has_error()]
        if len(valid) >= self._min_clients:
            return valid
        reasons = "".join(
            f"\nnode {each.metadata.src_node_id}: {each.error.reason}"
            for each in replies
            if each.has_error()
        )
        raise RuntimeError(
            f"round {number}: expected {self._min_clients} clients or more, but "
            f"{len(valid)} trained{reasons}\nRun again to go on from round "
            f"{number}"
        )

    def _decode(self, reply: Message) -> _Reply:
        content = reply.content
        adapter = wire.decode_update(
            self._layout,
            content.array_records["arrays"],
            cast(int, content.config_records["wire"]["rank"]),
            self._wire_type,
            self._sent,
        )
        metrics = content.metric_records["metrics"]
        return _Reply(
            reply, RecordDict({"arrays": to_record(adapter), "metrics": metrics})
        )

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> Optional[MetricRecord]:
        return self._inner.aggregate_evaluate(self._checkpoint.round, replies)
