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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import _runtime
from ..data import Rows, load_data
from ..model import Model
from .files import write_whole
from .wire import Adapter


@dataclass
class Progress:
    """What was done."""

    steps: int = 0
    loss_sum: float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def loss(self) -> float:
        """The mean of the steps' losses, in nats."""
        return self.loss_sum / max(self.steps, 1)


def _stamp(path: str | os.PathLike[str]) -> list[Any]:
    """Changes where a file does."""
    status = os.stat(path)
    return [os.fspath(path), status.st_size, status.st_mtime_ns]


class Round:
    """The steps of one message on the rows of one client."""

    def __init__(
        self,
        model: Model,
        rows: Rows,
        assistant_only: bool,
        options: Mapping[str, Any],
    ) -> None:
        """`model` has the adapter that the round begins with. Raises ValueError
        and sterna.Error for options and rows that are not right."""
        data = load_data(model._module, rows, assistant_only)
        #: How much the client's adapter weighs among others.
        self.samples = data.samples
        self.progress = Progress()
        self._trainer = model.trainer(data, **options)
        self._file: pathlib.Path | None = None
        self._save_steps = 0
        self._digest = ""

    def keep(
        self,
        state: str | os.PathLike[str],
        save_steps: int,
        received: Adapter,
        depends: Sequence[str | os.PathLike[str]],
        settings: Mapping[str, Any],
    ) -> None:
        """Keeps what is done in the folder `state`, and goes on from what is
        there of the same round: one of the same adapter that was `received`, the
        same files that it `depends` on and the same settings."""
        hashed = hashlib.sha256()
        stamps = [_stamp(path) for path in depends]
        hashed.update(json.dumps([stamps, sorted(settings.items())]).encode())
        for name in sorted(received):
            hashed.update(name.encode() + received[name].tobytes())
        self._file = pathlib.Path(state) / "round.bin"
        self._save_steps = save_steps
        self._digest = hashed.hexdigest()
        self._resume()

    def run(self) -> Progress:
        """Does the steps that are left."""
        while (step := self._trainer.step()) is not None:
            self.progress.steps += 1
            self.progress.loss_sum += step.loss
            self.progress.tokens += step.tokens
            self.progress.seconds += step.seconds
            if self._file and self.progress.steps % self._save_steps == 0:
                self._save(self._file)
        if self._file:
            self._save(self._file)
        return self.progress

    def _save(self, file: pathlib.Path) -> None:
        head = {"round": self._digest, **asdict(self.progress)}
        content = json.dumps(head).encode() + b"\n" + self._trainer.state
        write_whole(file, content)

    def _resume(self) -> None:
        if self._file is None or not self._file.exists():
            return
        line, _, state = self._file.read_bytes().partition(b"\n")
        try:
            head = json.loads(line)
            if head["round"] != self._digest:
                return
            progress = Progress(
                int(head["steps"]),
                float(head["loss_sum"]),
                int(head["tokens"]),
                float(head["seconds"]),
            )
            self._trainer.state = state
        # It is damaged, or of something else: the round begins anew.
        except (ValueError, KeyError, TypeError, AttributeError, _runtime.Error):
            return
        self.progress = progress
