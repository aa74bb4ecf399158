# ===- grid.py - Messages that are not lost --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A grid that sends again what a node took with it when it went."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from logging import INFO, WARNING
from typing import Any

from flwr.app import Message
from flwr.common.constant import ErrorCode
from flwr.common.logger import log
from flwr.serverapp import Grid

#: Errors of a node that is gone, or of a process that died: of too little memory,
#: or because someone killed it.
_LOST = (
    ErrorCode.MESSAGE_UNAVAILABLE,
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
    ErrorCode.NODE_UNAVAILABLE,
    ErrorCode.CLIENT_APP_CRASHED,
)
#: A node whose process dies as often has no use for the message.
_CRASHES = 3


class RetryGrid(Grid):
    """`grid`, but a message whose node went away goes to that node when it is
    back, or else to one that has no message of this round, until `timeout`.
    Errors that a client app reports are replies: it would make them again."""

    def __init__(self, grid: Grid, pause: float = 1.0) -> None:
        self._grid = grid
        self._pause = pause
        self._timeout: float | None = None

    def set_run(self, run: Any) -> None:
        self._grid.set_run(run)

    @property
    def run(self) -> Any:
        return self._grid.run

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        return self._grid.create_message(*args, **kwargs)

    def get_node_ids(self) -> Iterable[int]:
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return self._grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        self._timeout = timeout
        end = None if timeout is None else time.monotonic() + timeout
        unsent = list(messages)
        waiting: dict[str, Message] = {}
        replies: dict[int, Message] = {}  # by the node
        crashes: Counter[int] = Counter()
        while True:
            unsent = self._send(unsent, waiting, set(replies))
            for reply in self._grid.pull_messages(list(waiting)):
                sent = waiting.pop(reply.metadata.reply_to_message_id)
                node = sent.metadata.dst_node_id
                if self._is_lost(reply, node, crashes):
                    log(INFO, "node %d is lost: %s", node, reply.error.reason)
                    unsent.append(sent)
                else:
                    replies[node] = reply
            missing = len(unsent) + len(waiting)
            if missing and end is not None and time.monotonic() >= end:
                log(WARNING, "%d clients did not reply within %g s", missing, timeout)
                break
            if not missing:
                break
            time.sleep(self._pause)
        return list(replies.values())

    @staticmethod
    def _is_lost(reply: Message, node: int, crashes: Counter[int]) -> bool:
        """Whether its message is to be sent again."""
        if not reply.has_error() or reply.error.code not in _LOST:
            return False
        if reply.error.code == ErrorCode.CLIENT_APP_CRASHED:
            crashes[node] += 1
        return crashes[node] < _CRASHES

    def _send(
        self, unsent: list[Message], waiting: dict[str, Message], done: set[int]
    ) -> list[Message]:
        """Sends what has a node, which joins `waiting`; returns the rest. Nodes
        that are `done` get no more."""
        if not unsent:
            return []
        online = set(self._grid.get_node_ids())
        taken = {each.metadata.dst_node_id for each in (*waiting.values(), *unsent)}
        free = sorted(online - done - taken)
        sent, left = [], []
        for message in unsent:
            node = message.metadata.dst_node_id
            if node not in online and not free:
                left.append(message)
                continue
            if node not in online:
                node = free.pop(0)
            sent.append(self._copy(message, node))
        ids = list(self._grid.push_messages(sent))
        if len(ids) != len(sent):
            raise RuntimeError(
                "the SuperLink refused the round's messages: is the adapter too large?"
            )
        for number, message in zip(ids, sent):
            # One that was refused has no number.
            if number:
                waiting[number] = message
            else:
                left.append(message)
        return left

    def _copy(self, message: Message, node: int) -> Message:
        """The message, to `node`, for no longer than this round waits."""
        return Message(
            message.content,
            node,
            message.metadata.message_type,
            ttl=self._timeout,
            group_id=message.metadata.group_id,
        )
