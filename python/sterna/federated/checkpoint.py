# ===- checkpoint.py - Rounds that are kept --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a server needs to go on after the last round that it finished."""

from __future__ import annotations

import io
import json
import os
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyServerSideAdaptiveClipping,
    Strategy,
)
from numpy.typing import NDArray

from .files import write_whole
from .wire import Adapter, is_finite


#: Strategies whose norm of clipping is no setting.
_ADAPTIVE = (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyServerSideAdaptiveClipping,
)


def _chain(strategy: Strategy) -> list[str]:
    """The names of a strategy's class, and of those within it."""
    inner = [each for each in vars(strategy).values() if isinstance(each, Strategy)]
    return [type(strategy).__name__, *(name for each in inner for name in _chain(each))]


def _state_of(strategy: Strategy) -> dict[str, Any]:
    """What a strategy changes from round to round, by name: dictionaries and
    lists of arrays, moments of FedOpt, and the norm of adaptive clipping; of a
    strategy within it behind its name and a slash. Settings are not of it: a run
    that goes on has its own."""
    state: dict[str, Any] = {}
    for name, value in vars(strategy).items():
        if isinstance(value, Strategy):
            state |= {f"{name}/{key}": each for key, each in _state_of(value).items()}
        elif name == "current_arrays":
            continue  # set when a round begins
        elif name == "clipping_norm" and isinstance(strategy, _ADAPTIVE):
            state[name] = float(value)
        elif isinstance(value, (dict, list)) and value:
            arrays = value.values() if isinstance(value, dict) else value
            if all(isinstance(each, np.ndarray) for each in arrays):
                state[name] = value
    return state


def _set_state(strategy: Strategy, state: Mapping[str, Any]) -> None:
    for key, value in state.items():
        *owners, name = key.split("/")
        owner: Any = strategy
        for each in owners:
            owner = getattr(owner, each)
        setattr(owner, name, value)


def _flatten(state: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Dictionaries and lists of arrays as arrays by longer names."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            arrays |= {f"dict|{name}|{key}": each for key, each in value.items()}
        elif isinstance(value, list):
            arrays |= {f"list|{name}|{key}": each for key, each in enumerate(value)}
    return arrays


def _unflatten(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for path, array in arrays.items():
        kind, name, key = path.split("|")
        if kind == "dict":
            state.setdefault(name, {})[key] = array
        else:
            state.setdefault(name, []).append(array)
    return state


class Checkpoint:
    """Files in the output folder, whole at any moment: `round.npz` with the
    adapter and the strategy's state, `history.json` with what was measured."""

    def __init__(
        self,
        output: str | os.PathLike[str],
        strategy: Strategy,
        adapter: Adapter,
        scale: float,
    ) -> None:
        """A federation begins with `adapter`, unless there are files, which it
        goes on from then. Raises ValueError where they are of another."""
        folder = pathlib.Path(output)
        self._arrays_path = folder / "round.npz"
        self._history_path = folder / "history.json"
        self._strategy = strategy
        self._scale = scale
        #: Of the last round that was finished; 0: none.
        self.round = 0
        self.adapter = dict(adapter)
        #: By round: its number, the means of what clients measured, those of
        #: evaluation with "evaluate-" before, and "validation-loss" where the
        #: server measures it.
        self.history: list[dict[str, Any]] = []
        if self._arrays_path.exists():
            self._load()

    def save(self, number: int, adapter: Adapter, metrics: Mapping[str, Any]) -> None:
        """Round `number` is finished, with `adapter`."""
        self.round = number
        self.adapter = dict(adapter)
        self.note(metrics)
        state = _state_of(self._strategy)
        arrays = _flatten({"adapter": self.adapter, **state})
        head = {
            "round": number,
            "strategy": _chain(self._strategy),
            "scale": self._scale,
            "numbers": {
                name: each for name, each in state.items() if isinstance(each, float)
            },
        }
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_whole(self._arrays_path, buffer.getvalue())

    def note(self, measured: Mapping[str, Any], prefix: str = "") -> None:
        """Adds to what was measured in the last round."""
        if not self.history or self.history[-1]["round"] != self.round:
            self.history.append({"round": self.round})
        self.history[-1].update(
            {prefix + name: value for name, value in measured.items()}
        )
        write_whole(self._history_path, json.dumps(self.history, indent=1).encode())

    def _load(self) -> None:
        try:
            with np.load(self._arrays_path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            head = json.loads(arrays.pop("head").tobytes())
            made = head["strategy"], head["scale"]
            state = _unflatten(arrays) | head["numbers"]
            adapter = state.pop("adapter")
            self.round = int(head["round"])
            self.history = self._read_history()
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(
                f"'{self._arrays_path}' is no checkpoint of a federation: {error}"
            ) from error
        self._check(adapter, *made)
        self.adapter = adapter
        _set_state(self._strategy, state)

    def _read_history(self) -> list[dict[str, Any]]:
        if not self._history_path.exists():
            return []
        history = json.loads(self._history_path.read_bytes())
        # One of a round that was measured, but not finished, comes again.
        return [each for each in history if each["round"] <= self.round]

    def _check(self, adapter: Adapter, strategy: list[str], scale: float) -> None:
        """Raises ValueError where the files are of another federation."""
        wanted = " of ".join(_chain(self._strategy))
        reason = ""
        if {name: each.shape for name, each in adapter.items()} != {
            name: each.shape for name, each in self.adapter.items()
        } or not is_finite(adapter):
            reason = "is of another model or rank"
        elif strategy != _chain(self._strategy):
            reason = f"is of the strategy {' of '.join(strategy)}, not {wanted}"
        elif scale != self._scale:
            reason = f"has adapters scaled by {scale}, not {self._scale} (lora-alpha)"
        if reason:
            raise ValueError(
                f"'{self._arrays_path}' {reason}; choose another output folder"
            )
