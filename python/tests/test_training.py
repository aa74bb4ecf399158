# ===- test_training.py - Training in Python -------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs, adapters and gradients, with those of sterna-run."""

import json
import signal

import numpy as np
import pytest
from conftest import MODELS
from test_model import run_tool

import sterna

RUN = {"max_steps": 12, "learning_rate": 5e-3, "lr_scheduler": "cosine",
       "warmup_ratio": 0.1}


def test_trains_as_the_tool(model, binary, rows, held_out, tmp_path):
    history = model.train(rows, validation=held_out, **RUN)
    model.save_adapter(tmp_path / "mine")
    words = [
        word
        for name, value in RUN.items()
        for word in ("--" + name.replace("_", "-"), value)
    ]
    told = run_tool("train", binary, "--data", rows, "--validation", held_out,
                    "--output", tmp_path / "tools", *words)
    assert history.losses == told["losses"]
    assert history.validation_loss_before == told["validation_loss_before"]
    assert history.validation_loss == told["validation_loss"]
    files = [tmp_path / who / "adapter_model.safetensors" for who in ("mine", "tools")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "validation loss" in str(history) and "<svg" in history._repr_html_()


def test_takes_rows_of_any_kind(model, rows):
    lines = [json.loads(line) for line in rows.read_text().splitlines()][:40]
    expected = model.trainer(lines, **RUN)
    first = next(iter(expected)).loss
    model.adapter = None
    # An iterator of mappings with columns that are None, as of a data set.
    others = ({**line, "unused": None} for line in lines)
    assert next(iter(model.trainer(others, **RUN))).loss == first
    tokens = [model.encode(line["text"]) for line in lines if "text" in line]
    if tokens:
        assert model.evaluate(tokens).tokens > 0
    assert model.evaluate(["In the morning"]).tokens > 1
    with pytest.raises(sterna.Error, match="line 1"):
        model.evaluate([{"txt": "a"}])
    with pytest.raises(sterna.Error):
        model.evaluate("/absent.jsonl")


def test_a_run_begins_anew(model, rows):
    """The optimizer forgets what a run before has left."""
    losses = model.train(rows, **RUN).losses
    model.adapter = None
    assert model.train(rows, **RUN).losses == losses


def test_goes_on_from_a_state(model, binary, rows):
    whole = model.trainer(rows, **RUN)
    losses = [step.loss for step in whole]
    model.adapter = None
    first = model.trainer(rows, **RUN)
    for _ in range(5):
        first.step()
    state = first.state
    other = sterna.load(binary)
    second = other.trainer(rows, **RUN)
    second.state = state
    assert [step.loss for step in second] == losses[5:]
    with pytest.raises(ValueError):
        second.state = b"none"


@pytest.mark.parametrize("clip", ["exact", "previous"])
def test_goes_on_from_a_state_of_codes(tmp_path, rows, clip):
    """Moments in 8 bits and the norm before belong to the state."""
    binary = sterna.compile(MODELS / "sterna-kjv.gguf", tmp_path / "int8.stn", seq_len=64,
                            optimizer_state="int8", grad_clip_mode=clip)
    runs = [sterna.load(binary).trainer(rows, grad_clip=0.01, **RUN) for _ in range(2)]
    losses = [step.loss for step in runs[0]]
    first = sterna.load(binary).trainer(rows, grad_clip=0.01, **RUN)
    for _ in range(5):
        first.step()
    runs[1].state = first.state
    assert [step.loss for step in runs[1]] == losses[5:]


def test_callbacks(model, rows, held_out):
    class Callback:
        def __init__(self):
            self.calls = []

        def on_train_begin(self, args, state, control, **details):
            self.calls.append(("begin", state.max_steps))

        def on_step_end(self, args, state, control, **details):
            control.should_training_stop = state.global_step == 3

        def on_evaluate(self, args, state, control, metrics, **details):
            self.calls.append(("evaluate", metrics["eval_loss"]))

        def on_train_end(self, args, state, control, **details):
            self.calls.append(("end", len(state.log_history)))

    callback = Callback()
    history = model.train(rows, validation=held_out, callbacks=[callback], **RUN)
    assert len(history.steps) == 3
    assert callback.calls == [("begin", 12), ("evaluate", history.validation_loss),
                              ("end", 3)]
    assert len(model.train(rows, callback=lambda s: s.step < 2, **RUN).steps) == 2


def test_shows_a_bar(model, rows, capsys):
    pytest.importorskip("tqdm")
    history = model.train(rows, callbacks=[sterna.ProgressBar()], **RUN)
    told = capsys.readouterr().err
    assert "12/12" in told and f"loss={history.losses[-1]:.4f}" in told


def test_takes_data_sets_of_hugging_face(model, rows):
    datasets = pytest.importorskip("datasets")
    lines = [json.loads(line) for line in rows.read_text().splitlines()][:40]
    expected = model.evaluate(lines)
    assert model.evaluate(datasets.Dataset.from_list(lines)) == expected


def test_reads_and_writes_safetensors(model, rows, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model.train(rows, **RUN)
    model.save_adapter(tmp_path)
    saved = numpy.load_file(tmp_path / "adapter_model.safetensors")
    assert saved.keys() == model.adapter.keys()
    for name, matrix in model.adapter.items():
        np.testing.assert_array_equal(saved[name], matrix)
    tuned = model.logits("abc")
    numpy.save_file({name: 2 * each for name, each in saved.items()},
                    tmp_path / "other.safetensors")
    model.adapter = numpy.load_file(tmp_path / "other.safetensors")
    assert not np.array_equal(model.logits("abc"), tuned)
    model.adapter = saved
    np.testing.assert_array_equal(model.logits("abc"), tuned)


def test_interrupts_leave_what_was_trained(model, rows):
    def interrupt(step):
        if step.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.train(rows, callback=interrupt, **RUN)
    assert len(model.history.steps) == 4
    assert any(np.any(m) for n, m in model.adapter.items() if "lora_B" in n)


def test_adapters_go_out_and_in(model, rows, tmp_path):
    assert model.adapter is None
    base = model.logits("abc")
    model.train(rows, **RUN)
    trained = {name: array.copy() for name, array in model.adapter.items()}
    tuned = model.logits("abc")
    assert not np.array_equal(tuned, base)
    model.save_adapter(tmp_path / "a")
    model.adapter = None
    np.testing.assert_array_equal(model.logits("abc"), base)
    model.load_adapter(tmp_path / "a")
    np.testing.assert_array_equal(model.logits("abc"), tuned)
    scale = model.adapter_scale
    model.adapter_scale = 0.0
    np.testing.assert_array_equal(model.logits("abc"), base)
    model.adapter_scale = scale
    model.adapter = trained
    np.testing.assert_array_equal(model.logits("abc"), tuned)
    trained.popitem()
    with pytest.raises(ValueError, match="other half"):
        model.adapter = trained


def test_gradients_are_those_of_the_tool(model, binary, rows, tmp_path):
    model.train(rows, max_steps=2, learning_rate=1e-3)
    model.save_adapter(tmp_path / "a")
    loss, gradients = model.gradients(rows)
    told = run_tool("grad", binary, "--data", rows, "--adapter", tmp_path / "a",
                    "-o", tmp_path / "g.safetensors")
    assert np.float32(loss) == np.float32(told["loss"])
    data = (tmp_path / "g.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    for name, array in gradients.items():
        begin, end = header[name]["data_offsets"]
        expected = np.frombuffer(data[8 + size + begin : 8 + size + end], "<f4")
        np.testing.assert_array_equal(array.ravel(), expected)


def test_gradients_do_not_disturb_a_run(model, rows):
    losses = [step.loss for step in model.trainer(rows, **RUN)]
    model.adapter = None
    disturbed = []
    for step in model.trainer(rows, **RUN):
        disturbed.append(step.loss)
        model.gradients(rows)
    assert disturbed == losses


def test_options_that_are_wrong(model, rows):
    with pytest.raises(TypeError, match="did you mean learning_rate"):
        model.train(rows, learning_rat=1)
    with pytest.raises(ValueError, match="--epochs: expected a whole number"):
        model.train(rows, epochs=0)
    with pytest.raises(ValueError, match="excludes"):
        model.train(rows, validation=rows, validation_split=0.1)


def test_a_signal_loses_no_step(binary, rows):
    """The model is as far as its history says, wherever a signal came."""
    model = sterna.load(binary, threads=2)

    def arm(step):
        if step.step == 3:
            signal.setitimer(signal.ITIMER_REAL, 0.1)

    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.train(rows, callback=arm, max_steps=100000, learning_rate=1e-3)
    finally:
        signal.signal(signal.SIGALRM, old)
    done = len(model.history.steps)
    other = sterna.load(binary)
    trainer = other.trainer(rows, max_steps=100000, learning_rate=1e-3)
    for _ in range(done):
        trainer.step()
    for name, matrix in other.adapter.items():
        np.testing.assert_array_equal(matrix, model.adapter[name])


def test_a_run_that_fails_leaves_the_adapter(model, rows):
    expected = model.train(rows, seed=7, max_steps=3).losses
    model.adapter = None
    with pytest.raises(ValueError):
        model.train(rows, seed=1, epochs=10**18)
    assert model.adapter is None
    assert model.train(rows, seed=7, max_steps=3).losses == expected


def test_one_trainer_at_a_time(model, rows):
    first = model.trainer(rows, **RUN)
    first.step()
    second = model.trainer(rows, **RUN)
    with pytest.raises(sterna.Error, match="another trainer"):
        first.step()
    assert second.step().step == 1


def test_data_that_is_wrong(model):
    for wrong in ({"text": ["a b"]}, b"text"):
        with pytest.raises(TypeError, match="choose one"):
            model.evaluate(wrong)
    with pytest.raises(TypeError, match="row 0"):
        model.evaluate([[1, 2], "a b"])
    with pytest.raises(ValueError, match="validation_split"):
        model.train(["a b c"], validation_split=-1)
    with pytest.warns(UserWarning, match="row"):
        model.evaluate(["a b c", ""])


def test_numbers_of_numpy_are_numbers(model, rows):
    losses = model.train(rows, **RUN).losses
    model.adapter = None
    run = {**RUN, "learning_rate": np.float64(5e-3), "max_steps": np.int64(12),
           "no_shuffle": np.False_}
    assert model.train(rows, **run).losses == losses
    with pytest.raises(TypeError, match="epochs"):
        model.train(rows, epochs={1})


def test_adapters_that_are_wrong(model, rows):
    model.train(rows, max_steps=1)
    name, matrix = next(iter(model.adapter.items()))
    for wrong in ({name: None}, {name: matrix[0]}, {1: matrix}, {name: [["a"]]}):
        with pytest.raises(ValueError, match="expected matrices"):
            model.adapter = wrong
