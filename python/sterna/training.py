# ===- training.py - Training runs -----------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs that train an adapter, their steps and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple, Optional

from . import _runtime
from . import options as _options
from .tables import svg_curve


class Step(NamedTuple):
    """One optimizer step. `loss` is the mean over its scored tokens, in nats;
    `grad_norm` is that before clipping; `tokens` are those that are no padding.
    """

    step: int
    loss: float
    grad_norm: float
    learning_rate: float
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Of this step."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass
class History:
    """What a run did. Notebooks show the curve of its losses."""

    steps: list[Step] = field(default_factory=list)
    #: Of the validation data, in nats; None without any.
    validation_loss_before: float | None = None
    validation_loss: float | None = None

    @property
    def losses(self) -> list[float]:
        """The loss of each step."""
        return [step.loss for step in self.steps]

    @property
    def tokens_per_second(self) -> float:
        """Over all steps."""
        seconds = sum(step.seconds for step in self.steps)
        return sum(step.tokens for step in self.steps) / seconds if seconds else 0.0

    def __str__(self) -> str:
        if not self.steps:
            return "no steps"
        lines = [
            f"steps               {len(self.steps)}",
            f"loss                {self.losses[0]:.4f} -> {self.losses[-1]:.4f}",
            f"tokens per second   {self.tokens_per_second:.1f}",
        ]
        if self.validation_loss is not None:
            before = self.validation_loss_before or math.nan
            lines.insert(
                1,
                f"validation loss     {before:.4f} -> {self.validation_loss:.4f}",
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return svg_curve(self.losses, "loss") + f"<pre>{self}</pre>"


#: Called after each step; returns False to stop the run, which can go on.
StepCallback = Callable[[Step], Optional[bool]]


class Trainer:
    """A run that trains a model's adapter, step by step::

        for step in model.trainer("chats.jsonl", max_steps=100):
            print(step.loss)

    All that it depends on beside data and options is its `state`.
    """

    def __init__(self, handle: _runtime.Trainer) -> None:
        self._handle = handle

    @property
    def num_steps(self) -> int:
        """Of the whole run."""
        return self._handle.steps

    def step(self) -> Step | None:
        """The next step; None where the run is over. Raises sterna.Error where a
        loss or gradient is not finite. The adapter is as it was before then, but
        after a gradient of a model compiled with another `grad_clip_mode` than
        "exact"."""
        report = self._handle.step()
        return None if report is None else Step._make(report)

    @property
    def steps_done(self) -> list[Step]:
        """Those that were done, also one whose report an interrupt took."""
        return [Step._make(report) for report in self._handle.reports()]

    def __iter__(self) -> Iterator[Step]:
        while (step := self.step()) is not None:
            yield step

    def validate(self) -> float:
        """The loss of the validation data now, in nats."""
        return self._handle.validate()[0]

    def first_step_loss(self) -> float:
        """The loss of the samples of the first step now."""
        return self._handle.first_step_loss()

    @property
    def state(self) -> bytes:
        """Adapter, moments and step, as the bytes of a safetensors file."""
        return self._handle.read_state()

    @state.setter
    def state(self, state: bytes) -> None:
        self._handle.restore_state(state)


def option_table() -> _options.Table:
    """The options of a run."""
    return _runtime.Trainer.options()


class ProgressBar:
    """A callback that shows the steps of a run as a bar of tqdm, on a terminal and
    in notebooks::

        model.train("chats.jsonl", callbacks=[sterna.ProgressBar()])
    """

    def __init__(self) -> None:
        """Raises ImportError without tqdm."""
        from tqdm.auto import tqdm

        self._make = tqdm

    def on_train_begin(self, args: Any, state: Any, control: Any) -> None:
        """A bar of as many steps as the run has."""
        self._bar = self._make(total=state.max_steps, unit="step")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any]
    ) -> None:
        """One step further."""
        self._bar.set_postfix(loss=f"{logs['loss']:.4f}", refresh=False)
        self._bar.update()

    def on_train_end(self, args: Any, state: Any, control: Any) -> None:
        """The bar stays as it is."""
        self._bar.close()


class _Listeners:
    """Callbacks of both kinds: functions of a step, and objects with the methods
    of transformers' TrainerCallback that map."""

    def __init__(
        self,
        callback: StepCallback | None,
        callbacks: Sequence[Any],
        arguments: dict[str, Any],
        num_steps: int,
    ) -> None:
        self._callback = callback
        self._objects = callbacks
        self._arguments = SimpleNamespace(**arguments)
        self._control = SimpleNamespace(should_training_stop=False)
        self._state = SimpleNamespace(
            global_step=0, max_steps=num_steps, log_history=[]
        )

    def call(self, method: str, **details: Any) -> None:
        """Calls `method` of the objects that have it."""
        for each in self._objects:
            function = getattr(each, method, None)
            if function:
                function(self._arguments, self._state, self._control, **details)

    def step(self, step: Step) -> bool:
        """Tells of a step; whether the run is to go on."""
        logs = step._asdict()
        self._state.global_step = step.step
        self._state.log_history.append(logs)
        self.call("on_step_end")
        self.call("on_log", logs=logs)
        answer = self._callback(step) if self._callback else None
        asked = answer is not None and not answer
        return not asked and not self.is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether a callback has asked to stop."""
        return bool(self._control.should_training_stop)


def run(
    trainer: Trainer,
    history: History,
    validates: bool,
    callback: StepCallback | None,
    callbacks: Sequence[Any],
    arguments: dict[str, Any],
) -> None:
    """Runs the steps of `trainer`, which `history` gets as they are done."""
    listeners = _Listeners(callback, callbacks, arguments, trainer.num_steps)
    listeners.call("on_train_begin")
    if validates:
        history.validation_loss_before = trainer.validate()
    try:
        while not listeners.is_stopped and (step := trainer.step()):
            history.steps.append(step)  # callbacks may look
            if not listeners.step(step):
                break
    finally:
        # An interrupt may have taken the report of the last.
        history.steps = trainer.steps_done
    if validates:
        history.validation_loss = trainer.validate()
        listeners.call("on_evaluate", metrics={"eval_loss": history.validation_loss})
    listeners.call("on_train_end")


