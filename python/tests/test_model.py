# ===- test_model.py - Models in Python ------------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text and numbers, with those of sterna-run, which is in the PATH."""

import json
import pathlib
import subprocess
import threading
import time

import numpy as np
import pytest

import sterna

MODEL = pathlib.Path(__file__).parents[2] / "models" / "sterna-kjv.gguf"


def run_tool(*words):
    """The JSON of a command of sterna-run."""
    told = subprocess.run(
        ["sterna-run", *map(str, words), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(told.stdout.splitlines()[-1])


def test_generates_what_the_tool_does(model, binary):
    options = {"temperature": 0.7, "top_k": 40, "seed": 5}
    text = "".join(model.generate("In the morning", max_tokens=24, **options))
    told = run_tool("generate", binary, "-p", "In the morning", "-n", 24,
                    "--temperature", 0.7, "--top-k", 40, "--seed", 5)
    assert text == told["text"]
    assert text == "".join(
        model.generate(model.encode("In the morning"), max_tokens=24, **options)
    )


@pytest.mark.parametrize("weights", ["resident", "prefetch"])
def test_weights_change_no_bit(model, binary, weights):
    tokens = model.encode("In the beginning")
    other = sterna.load(binary, weights=weights)
    np.testing.assert_array_equal(other.logits(tokens), model.logits(tokens))


def test_stops(model):
    whole = "".join(model.generate("In the morning", max_tokens=24))
    word = whole.split()[2]
    short = "".join(model.generate("In the morning", max_tokens=24, stop=word))
    assert short == whole[: whole.index(word)]


def test_drafts_change_no_text(model, tmp_path):
    drafting = sterna.compile(MODEL, tmp_path / "draft.stn", draft_tokens=8, seq_len=64)
    other = sterna.load(drafting)
    for temperature in (0.0, 0.9):
        options = {"max_tokens": 60, "temperature": temperature, "seed": 3}
        assert "".join(other.generate("In the morning", draft="ngram", **options)) == (
            "".join(model.generate("In the morning", **options))
        )
    # Neither an evaluation nor tokens that are refused disturb what was guessed.
    wide = sterna.load(
        sterna.compile(
            MODEL, tmp_path / "wide.stn", draft_tokens=8, batch=64, lora_rank=0
        )
    )
    text = ""
    for piece in wide.generate("In the morning", draft="ngram", max_tokens=24):
        wide.evaluate(["And God said"])
        text += piece
    assert text == "".join(model.generate("In the morning", max_tokens=24))
    generator = sterna._runtime.Generator.create(
        wide._session, 0.0, 1.0, 0, 0, 24, [], [], True
    )
    generator.append(wide.encode("In the morning"))
    again, why = "", ""
    while not why:
        _, piece, why = generator.next()
        again += piece
        if not why:
            with pytest.raises(ValueError):
                generator.append(np.array([-5], np.int32))
    assert text == again
    with pytest.raises(ValueError, match="--draft-tokens"):
        model.generate("In the morning", draft="ngram")
    with pytest.raises(ValueError, match="draft: expected"):
        model.generate("In the morning", draft="beam")


def test_pieces_are_given_as_they_come(model):
    pieces = model.generate("In the morning", max_tokens=8)
    assert len(next(pieces)) > 0
    assert len(list(pieces)) > 2


def test_encodes_and_decodes(model):
    tokens = model.encode("the sea")
    assert tokens.dtype == np.int32
    assert model.decode(tokens) == "the sea"
    assert model.decode(list(tokens)) == "the sea"
    assert len(model.encode("the sea", bos=False)) == len(tokens) - 1
    for wrong in ([[1]], [1.5], [2**40]):
        with pytest.raises(ValueError):
            model.decode(wrong)


def test_logits_are_those_of_the_tool(model, binary, tmp_path):
    tokens = model.encode("In the morning")
    logits = model.logits(tokens)
    assert logits.shape == (len(tokens), 1024) and logits.dtype == np.float32
    output = tmp_path / "logits.npy"
    run_tool("logits", binary, "--input-ids", ",".join(map(str, tokens)),
             "-o", output)
    np.testing.assert_array_equal(logits, np.load(output))
    # What DLPack exports is taken as it is.
    np.testing.assert_array_equal(np.from_dlpack(logits), logits)
    with pytest.raises(ValueError):
        model.logits([])
    with pytest.raises(ValueError):
        model.logits([5000])


def test_embeds(model):
    rows = model.embed("In the morning", pooling="none")
    assert rows.shape == (len(model.encode("In the morning")), 256)
    np.testing.assert_array_equal(model.embed("In the morning", "last"), rows[-1])
    np.testing.assert_allclose(model.embed("In the morning"), rows.mean(0), 1e-6)
    with pytest.raises(ValueError, match="pooling"):
        model.embed("x", "max")


def test_chat_needs_a_template(model):
    with pytest.raises(sterna.Error, match="template"):
        model.chat([{"role": "user", "content": "Hello"}])


def test_evaluates_as_the_tool(model, binary, held_out):
    result = model.evaluate(held_out)
    told = run_tool("eval", binary, "--data", held_out)
    assert result.loss == told["loss"] and result.tokens == told["tokens"]
    assert result.perplexity == pytest.approx(np.exp(result.loss))


def test_plans_memory(model, binary):
    plan = model.memory_plan()
    peaks = run_tool("info", binary)["peak_bytes"]
    assert {name: plan[name]["peak"] for name in plan.keys()} == peaks
    assert "train" in str(plan) and "<table>" in plan._repr_html_()


def test_profiles(binary):
    model = sterna.load(binary, profile=True)
    model.logits([1, 2])
    profile = model.profile()
    assert sum(row.calls for row in profile) > 10
    assert "ms" in str(profile) and "<table>" in profile._repr_html_()
    with pytest.raises(ValueError, match="profile"):
        sterna.load(binary).profile()


def test_one_thread_at_a_time(model):
    errors = []
    tokens = np.ones(200, np.int32)

    def work():
        try:
            for _ in range(20):
                model.logits(tokens)
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors and "in use by another thread" in errors[0]
    model.logits(tokens)


def test_other_threads_run_meanwhile(model):
    """Long calls do not hold the interpreter's lock."""
    count = 0
    running = True

    def tick():
        nonlocal count
        while running:
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    tokens = np.ones(250, np.int32)
    for _ in range(3):
        model.logits(tokens)
    running = False
    thread.join()
    assert count > 10


def test_files_that_are_wrong(tmp_path, binary):
    with pytest.raises(sterna.Error, match="absent"):
        sterna.load(tmp_path / "absent.stn")
    bad = tmp_path / "bad.stn"
    bad.write_bytes(b"no device binary" * 100)
    with pytest.raises(sterna.Error):
        sterna.load(bad)
    with pytest.raises(ValueError, match="device"):
        sterna.load(binary, device="abacus")
    with pytest.raises(ValueError, match="mapped, resident or prefetch"):
        sterna.load(binary, weights="pinned")


def test_two_binaries_in_a_process(binary, tmp_path, held_out):
    """Each runs its own code."""
    from conftest import MODELS

    other = sterna.compile(MODELS / "sterna-kjv.gguf", tmp_path / "m.stn", seq_len=24)
    first, second = sterna.load(binary), sterna.load(other)
    for model, path in ((first, binary), (second, other)):
        told = run_tool("eval", path, "--data", held_out)
        assert model.evaluate(held_out).loss == told["loss"]


def test_graphs_are_no_language_models(tmp_path, held_out):
    from conftest import MODELS

    graph = MODELS.parent / "test" / "fuzz" / "corpus" / "onnx" / "products.onnx"
    path = sterna.compile(graph, tmp_path / "g.stn", dim={"n": 2})
    with pytest.raises(sterna.Error, match="graph"):
        sterna.load(path).evaluate(held_out)


def test_dlpack_is_enough(model):
    class Exported:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    tokens = model.encode("In the morning")
    np.testing.assert_array_equal(model.logits(Exported(tokens)), model.logits(tokens))
