# ===- round.py - The steps of a round -------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The steps that a client does in a round, which survive its death.

What a round has done is kept in one file: a line of JSON, and behind it the
trainer's state. The file says of which round it is by a digest of all that the
round depends on, so that a client that gets the same message again goes on where
it was, and with another begins anew. Both end with the same bits.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import _runtime
from ..data import Rows, load_data
from ..model import Model
from .files import write_whole
from .wire import Adapter


@dataclass
class Progress:
    """What was done; `loss` is the mean over the steps' scored tokens."""

    steps: int = 0
    loss_sum: float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def loss(self) -> float:
        """The mean of the steps' losses, in nats."""
        return self.loss_sum / max(self.steps, 1)


def _stamp(rows: Rows) -> str:
    """Changes where a file of rows does."""
    if not isinstance(rows, (str, os.PathLike)):
        return ""
    status = os.stat(rows)
    return f"{status.st_size}.{status.st_mtime_ns}"


def _digest(received: Adapter, options: Mapping[str, Any], rows: Rows) -> str:
    hashed = hashlib.sha256(
        json.dumps([sorted(options.items()), _stamp(rows)]).encode()
    )
    for name in sorted(received):
        hashed.update(name.encode() + received[name].tobytes())
    return hashed.hexdigest()


class Round:
    """The steps of one message on the rows of one client."""

    def __init__(
        self,
        model: Model,
        rows: Rows,
        received: Adapter,
        options: Mapping[str, Any],
        state: str | os.PathLike[str] | None,
        save_steps: int,
    ) -> None:
        """`model` has the adapter that the round begins with. Raises ValueError
        and sterna.Error for options and rows that are not right."""
        data: _runtime.Data = load_data(model._module, rows)
        #: How much the client's adapter weighs among others.
        self.samples = data.samples
        self.progress = Progress()
        self._trainer = model.trainer(data, **options)
        self._file = pathlib.Path(state) / "round.bin" if state is not None else None
        self._save_steps = save_steps
        self._digest = _digest(received, options, rows)

    def run(self) -> Progress:
        """Does the steps that are left."""
        self._resume()
        while (step := self._trainer.step()) is not None:
            self.progress.steps += 1
            self.progress.loss_sum += step.loss
            self.progress.tokens += step.tokens
            self.progress.seconds += step.seconds
            if self.progress.steps % self._save_steps == 0:
                self._save()
        self._save()
        return self.progress

    def _save(self) -> None:
        if self._file is None:
            return
        head = {"round": self._digest, **asdict(self.progress)}
        content = json.dumps(head).encode() + b"\n" + self._trainer.state
        write_whole(self._file, content)

    def _resume(self) -> None:
        if self._file is None or not self._file.exists():
            return
        line, _, state = self._file.read_bytes().partition(b"\n")
        try:
            head = json.loads(line)
            if head.pop("round") != self._digest:
                return
            progress = Progress(**head)
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # of something else: the round begins anew
        self._trainer.state = state
        self.progress = progress
