# ===- local.py - Federations in one process -------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Clients as objects of this process, one after another: for studies and tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from .client import Client, make_client_app
from .server import Server, run


class LocalGrid(Grid):
    """Nodes 1, 2, ... that are `clients`. They answer when they are asked."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients
        # Messages say of which task they are; here is none.
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 0
        self._app = make_client_app(
            lambda context: self._clients[context.node_id - 1]
        )
        self._numbers = itertools.count(1)
        self._replies: dict[str, Message] = {}
        #: Of adapters that were sent to clients and came from them, as records.
        self.bytes_down = self.bytes_up = 0

    def set_run(self, run: Any) -> None:
        """There is one run."""

    @property
    def run(self) -> Any:
        return None

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: Optional[float] = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type)

    def get_node_ids(self) -> Iterable[int]:
        return range(1, len(self._clients) + 1)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        ids = []
        for message in messages:
            ids.append(str(next(self._numbers)))
            # Flower's own grids set it so.
            vars(message.metadata)["_message_id"] = ids[-1]
            self.bytes_down += _count(message)
            reply = self._answer(message, message.metadata.dst_node_id)
            self.bytes_up += _count(reply)
            self._replies[ids[-1]] = reply
        return ids

    def _answer(self, message: Message, node: int) -> Message:
        context = Context(0, node, {}, RecordDict(), {})
        try:
            return self._app(message, context)
        except Exception as error:  # as Flower does
            told = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, str(error))
            return Message(told, reply_to=message)

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        return [self._replies.pop(each) for each in message_ids]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: Optional[float] = None
    ) -> list[Message]:
        return self.pull_messages(self.push_messages(messages))


def _count(message: Message) -> int:
    if message.has_error():
        return 0
    arrays = message.content.array_records
    return sum(record.count_bytes() for record in arrays.values())


def simulate(server: Server, clients: Sequence[Client]) -> list[dict[str, Any]]:
    """Runs a federation here. Returns what was measured, by round."""
    return run(server, LocalGrid(clients))
