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
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from .files import write_whole
from .wire import Adapter, Layout, rank_of


def _state_of(strategy: Strategy) -> dict[str, Any]:
    """Numbers, and dictionaries and lists of arrays, that a strategy keeps between
    rounds, by name: moments of FedOpt, the norm of adaptive clipping; those of a
    strategy within it behind its name and a slash."""
    state: dict[str, Any] = {}
    for name, value in vars(strategy).items():
        if isinstance(value, Strategy):
            state |= {f"{name}/{key}": each for key, each in _state_of(value).items()}
        elif isinstance(value, float):
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

    def __init__(self, output: str | os.PathLike[str]) -> None:
        folder = pathlib.Path(output)
        self._arrays_path = folder / "round.npz"
        self._history_path = folder / "history.json"
        #: Of the last round that was finished; 0: none.
        self.round = 0
        self.adapter: Adapter = {}
        #: By round: its number, the means of what clients measured, and
        #: "validation-loss" where the server measures it.
        self.history: list[dict[str, Any]] = []

    def save(
        self,
        number: int,
        adapter: Adapter,
        strategy: Strategy,
        metrics: Mapping[str, Any],
    ) -> None:
        """Round `number` is finished, with `adapter`."""
        self.round = number
        self.adapter = adapter
        self.note({"round": number, **metrics})
        state = _state_of(strategy)
        arrays = _flatten({"adapter": dict(adapter), **state})
        numbers = {name: each for name, each in state.items()
                   if isinstance(each, float)}
        head = json.dumps({"round": number, "numbers": numbers})
        arrays["head"] = np.frombuffer(head.encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_whole(self._arrays_path, buffer.getvalue())

    def note(self, measured: Mapping[str, Any]) -> None:
        """Adds to what was measured in the round that it names."""
        number = measured["round"]
        if not self.history or self.history[-1]["round"] != number:
            self.history.append({})
        self.history[-1].update(measured)
        write_whole(self._history_path, json.dumps(self.history, indent=1).encode())

    def load(self, strategy: Strategy, layout: Layout, rank: int) -> None:
        """Goes on from the files, where there are any. Raises ValueError where
        they are not of such adapters."""
        if not self._arrays_path.exists():
            return
        try:
            with np.load(self._arrays_path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            head = json.loads(arrays.pop("head").tobytes())
            state = _unflatten(arrays) | head["numbers"]
            adapter = state.pop("adapter")
            history = json.loads(self._history_path.read_bytes())
            self.round = head["round"]
        except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(
                f"'{self._arrays_path}' is no checkpoint of a federation: {error}"
            ) from error
        if Layout.of(adapter) != layout or rank_of(adapter) != rank:
            raise ValueError(
                f"'{self._arrays_path}' is of another model or rank: choose another "
                "output folder"
            )
        self.adapter = adapter
        # One of a round that was measured, but not finished, comes again.
        self.history = [each for each in history if each["round"] <= self.round]
        _set_state(strategy, state)
