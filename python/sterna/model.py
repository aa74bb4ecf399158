# ===- model.py - Models that run ------------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A device binary on a device: text, numbers, training, adapters."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _runtime, training
from .data import Rows, load_data, to_tokens
from .memory import MemoryPlan
from .options import Option, document, to_pairs
from .profile import Profile
from .training import History, StepCallback, Trainer


@dataclass(frozen=True)
class Evaluation:
    """The mean loss over `tokens` scored tokens, in nats."""

    loss: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """exp(loss)."""
        return math.exp(self.loss)


class Model:
    """A language model, prepared on a device. One thread at a time uses it."""

    def __init__(
        self, module: _runtime.Module, session: _runtime.Session
    ) -> None:
        self._module = module
        self._session = session
        self._tokenizer: _runtime.Tokenizer | None = None
        #: All that the device binary says of itself, as `sterna-run info --json`.
        self.info: dict[str, Any] = json.loads(module.describe())
        self._has_adapter = False
        #: Of the last run of `train`, also of one that was interrupted.
        self.history = History()

    def __repr__(self) -> str:
        config = self.info["config"]
        return (
            f"<sterna.Model {self.info['model']} ({config['architecture']}), "
            f"{config['layers']} layers, vocabulary {config['vocabulary']}>"
        )

    # Text.

    @property
    def tokenizer(self) -> _runtime.Tokenizer:
        """The vocabulary; raises sterna.Error where the model has none."""
        if self._tokenizer is None:
            self._tokenizer = _runtime.Tokenizer(self._module)
        return self._tokenizer

    def encode(
        self, text: str, *, bos: bool = True, special: bool = True
    ) -> NDArray[np.int32]:
        """Token ids of `text`, behind BOS where the vocabulary has one. Without
        `special`, control tokens that the text spells are text: for text that is
        not trusted."""
        return self.tokenizer.encode(text, bos, special)

    def decode(self, tokens: Any) -> str:
        """The text of token ids; control tokens give none."""
        return self.tokenizer.decode(to_tokens(tokens))

    def _tokens(self, prompt: Any) -> NDArray[np.int32]:
        return self.encode(prompt) if isinstance(prompt, str) else to_tokens(prompt)

    def generate(
        self,
        prompt: Any,
        *,
        max_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int = 0,
        stop: str | Sequence[str] = (),
        end_tokens: Iterable[int] = (),
        draft: Literal["none", "ngram"] = "none",
    ) -> Iterator[str]:
        """Pieces of the text that goes on from `prompt`, a text or token ids, as
        they are generated. A temperature of 0 takes the most likely token; equal
        seeds, options and prompts give equal texts. `draft="ngram"` guesses by what
        followed the last tokens before and checks several at once, which gives the
        same text; the model needs `draft_tokens` when it is compiled."""
        if draft not in ("none", "ngram"):
            raise ValueError(f"draft: expected 'none' or 'ngram', but got {draft!r}")
        generator = _runtime.Generator.create(
            self._session,
            temperature,
            top_p,
            top_k,
            seed,
            max_tokens,
            [stop] if isinstance(stop, str) else list(stop),
            list(end_tokens),
            draft == "ngram",
        )
        generator.append(self._tokens(prompt))
        return self._pieces(generator)

    @staticmethod
    def _pieces(generator: _runtime.Generator) -> Iterator[str]:
        why = ""
        while not why:
            _, text, why = generator.next()
            if text:
                yield text

    def chat(
        self, messages: Sequence[Mapping[str, str]], **options: Any
    ) -> Iterator[str]:
        """Pieces of the assistant's answer to `messages`, each with "role" and
        "content", by the model's chat template. Keywords are those of
        `generate`."""
        turns = [(each["role"], each["content"]) for each in messages]
        return self.generate(self.tokenizer.render_chat(turns), **options)

    # Numbers.

    def logits(self, tokens: Any) -> NDArray[np.float32]:
        """The logits after each of T tokens, ids or a text: f32
        [T, vocabulary]."""
        vocabulary = self.info["config"]["vocabulary"]
        return self._session.logits(self._tokens(tokens), vocabulary)

    def embed(self, tokens: Any, pooling: str = "mean") -> NDArray[np.float32]:
        """The final hidden state of T tokens, ids or a text: its "mean" over them
        or that of the "last", f32 [hidden]; "none": all, f32 [T, hidden]."""
        hidden = self.info["config"]["hidden"]
        rows = self._session.hidden(self._tokens(tokens), hidden)
        if pooling == "none":
            return rows
        if pooling == "last":
            return np.asarray(rows[-1], np.float32)
        if pooling != "mean":
            raise ValueError(
                f"pooling: expected mean, last or none, but got {pooling!r}"
            )
        return np.asarray(rows.mean(axis=0), np.float32)

    def evaluate(
        self, data: Rows, *, assistant_only_loss: bool = False
    ) -> Evaluation:
        """The loss of `data`, a path or rows, with the adapter."""
        loaded = load_data(self._module, data, assistant_only_loss)
        return Evaluation(*self._session.evaluate(loaded))

    def gradients(
        self, data: Rows, *, seed: int = 42
    ) -> tuple[float, dict[str, NDArray[np.float32]]]:
        """The loss of the first sample of `data` and its gradients with respect
        to the adapter's matrices, by PEFT's names."""
        loaded = load_data(self._module, data)
        loss, gradients = self._session.gradients(loaded, seed)
        return loss, gradients.matrices()

    # Training.

    def trainer(
        self,
        data: Rows,
        *,
        validation: Rows | None = None,
        validation_split: float = 0.0,
        lora_alpha: float | None = None,
        assistant_only_loss: bool = False,
        **options: Option | None,
    ) -> Trainer:
        """A run that trains the adapter, step by step; see `train`."""
        pairs = to_pairs(options, training.option_table())
        training_data, held = self._split(
            data, validation, validation_split, assistant_only_loss, pairs
        )
        before = self._session.read_adapter() if self._has_adapter else None
        self._start_adapter(lora_alpha, pairs)
        try:
            handle = _runtime.Trainer.create(
                self._session, training_data, held, pairs
            )
        except BaseException:
            self._set(before)
            raise
        return Trainer(handle)

    def train(
        self,
        data: Rows,
        *,
        validation: Rows | None = None,
        validation_split: float = 0.0,
        lora_alpha: float | None = None,
        assistant_only_loss: bool = False,
        callback: StepCallback | None = None,
        callbacks: Sequence[Any] = (),
        **options: Option | None,
    ) -> History:
        """Train the adapter on `data`, a path or rows, and return what was done.
        A model without an adapter gets a fresh one first, of factor `lora_alpha`
        (16) by its rank.

        The loss of `validation`, or of a share `validation_split` of the rows
        that is held out, is measured before and after. `callback(step)` is called
        after each step, and may return False to stop; `callbacks` are objects
        with the methods of transformers' TrainerCallback: on_train_begin,
        on_step_end, on_log, on_evaluate, on_train_end. An interrupt ends the run
        between two steps; the adapter is trained as far as `history` says.

        Further keywords are the options of sterna-run train --help:
        """
        trainer = self.trainer(
            data,
            validation=validation,
            validation_split=validation_split,
            lora_alpha=lora_alpha,
            assistant_only_loss=assistant_only_loss,
            **options,
        )
        self.history = History()
        validates = validation is not None or validation_split > 0
        training.run(
            trainer, self.history, validates, callback, callbacks, dict(options)
        )
        return self.history

    document(train, training.option_table())

    def _split(
        self,
        data: Rows,
        validation: Rows | None,
        fraction: float,
        assistant_only: bool,
        pairs: list[tuple[str, str]],
    ) -> tuple[_runtime.Data, _runtime.Data | None]:
        if validation is not None and fraction != 0:
            raise ValueError("validation excludes validation_split")
        if not 0 <= fraction < 1:
            raise ValueError(
                f"validation_split: expected a fraction from 0 to below 1, but got "
                f"{fraction}"
            )
        loaded = load_data(self._module, data, assistant_only)
        if fraction > 0:
            return loaded.split(fraction, _seed(pairs))
        if validation is None:
            return loaded, None
        return loaded, load_data(self._module, validation, assistant_only)

    def _start_adapter(
        self, alpha: float | None, pairs: list[tuple[str, str]]
    ) -> None:
        if not self._has_adapter:
            fresh = _runtime.Adapter.create(
                self._module, 16.0 if alpha is None else alpha, _seed(pairs)
            )
            self._set(fresh)
        elif alpha is not None:
            adapter = self._session.read_adapter()
            rank = min(next(iter(adapter.matrices().values())).shape)
            adapter.scale = alpha / rank
            self._set(adapter)

    # Adapters.

    def _set(self, adapter: _runtime.Adapter | None) -> None:
        self._session.set_adapter(adapter)
        self._has_adapter = adapter is not None

    def load_adapter(self, path: str | os.PathLike[str]) -> None:
        """Use the adapter in a folder of PEFT from now on."""
        self._set(_runtime.Adapter.load(os.fspath(path)))

    def save_adapter(self, path: str | os.PathLike[str]) -> None:
        """Write the adapter, as it is trained now, to a folder of PEFT."""
        self._session.read_adapter().save(os.fspath(path))

    @property
    def adapter(self) -> dict[str, NDArray[np.float32]] | None:
        """A copy of the adapter's matrices, which are read-only, by PEFT's names;
        None for the base model. Set it to use others, scaled as before or by
        1."""
        if not self._has_adapter:
            return None
        return self._session.read_adapter().matrices()

    @adapter.setter
    def adapter(self, matrices: Mapping[str, Any] | None) -> None:
        if matrices is None:
            self._set(None)
            return
        arrays = {name: _to_matrix(name, each) for name, each in matrices.items()}
        scale = self.adapter_scale if self._has_adapter else 1.0
        self._set(_runtime.Adapter.assemble(arrays, scale))

    @property
    def adapter_scale(self) -> float:
        """What the product of the adapter's matrices is multiplied by."""
        return self._session.read_adapter().scale

    @adapter_scale.setter
    def adapter_scale(self, scale: float) -> None:
        adapter = self._session.read_adapter()
        adapter.scale = scale
        self._set(adapter)

    # What it is.

    def memory_plan(self) -> MemoryPlan:
        """Bytes that running and training need, known before."""
        return MemoryPlan(self.info)

    def profile(self) -> Profile:
        """What each kernel took since the model was loaded, with
        `profile=True`."""
        return Profile.parse(self._session.profile())


def _seed(pairs: list[tuple[str, str]]) -> int:
    text = dict(pairs).get("seed", "42")
    # What is no number is refused where the run is made.
    return int(text) if text.isdecimal() else 42


def _to_matrix(name: Any, values: Any) -> NDArray[np.float32]:
    if hasattr(values, "__dlpack__") and not isinstance(values, np.ndarray):
        values = np.from_dlpack(values)
    array = np.asarray(values)
    if not isinstance(name, str) or array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"expected matrices of numbers by name, but got {name!r} of "
            f"{array.dtype} and shape {array.shape}"
        )
    return np.ascontiguousarray(array, np.float32)


def load(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    threads: int = 0,
    profile: bool = False,
    weights: str = "mapped",
) -> Model:
    """Prepare the device binary at `path` on `device`, "cpu", "vulkan" or
    "vulkan:INDEX": memory is allocated, and code loaded. `threads` of 0 are one
    for each core. `weights` are "mapped", "resident" or "prefetch", as
    `sterna-run --weights` has them. Raises sterna.Error where the file or the
    device is not right.
    """
    module = _runtime.Module.load(os.fspath(path))
    session = _runtime.Session.create(
        module, device, threads, [], profile, weights
    )
    return Model(module, session)
