#!/usr/bin/env python3
# ===- peers.py - The tools that compare.py measures beside Sterna --------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A peer that is a Python package runs in a process of its own, this file, which
# loads and warms up once and then measures when it is asked to: one line of JSON
# when it is ready, then one for each line of its input. One that is a program is
# run for each sample.
# ===----------------------------------------------------------------------=== #
"""Peers, each with a version and measure(), which returns a sample."""

import ctypes
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Tokens that precede those whose decoding is measured.
DEPTHS = (16, 512, 2048)
LONG_PROMPT = 512
SHORT_PROMPT = 128
DECODED = 64
CONTEXT = max(DEPTHS) + DECODED + 16
RANK = 8


class Skipped(Exception):
    """A tool that cannot be measured here, and why."""


class Peer:
    """The worker process of a peer, loaded and warmed up."""

    def __init__(self, tool, python, path, shape, threads, kv_type):
        # A file and no pipe: nobody reads it before the end.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            [python, __file__, tool, path, shape, str(threads), kv_type],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        self.version = self._read()

    def measure(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def close(self):
        self._process.communicate()
        self._errors.close()

    def _read(self):
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.communicate()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines() or ["ended early"]
        self._errors.close()
        # Hints may follow what went wrong.
        wrong = [line for line in lines if re.search("[Ee]rror: ", line)]
        raise Skipped((wrong or lines)[-1])


def run(command):
    """Standard output of a command; Skipped with its last line if it fails."""
    try:
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout
    except FileNotFoundError:
        raise Skipped(f"{command[0]} does not exist") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [str(error)]
        raise Skipped(lines[-1]) from None


def serve(description, measure):
    """Measure once for every line of standard input."""
    print(json.dumps(description), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def llama_worker(path, shape, threads, kv_type):
    import llama_cpp
    import numpy as np

    info = llama_cpp.llama_print_system_info().decode()
    if platform.machine() == "x86_64" and "AVX2 = 1" not in info:
        raise SystemExit(f"llama.cpp was built without AVX2: {info}")
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(
        str(path).encode(), llama_cpp.llama_model_default_params()
    )
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = CONTEXT
    settings.n_batch = settings.n_ubatch = LONG_PROMPT
    settings.n_threads = settings.n_threads_batch = threads
    kv = getattr(llama_cpp, f"GGML_TYPE_{kv_type.upper()}")
    settings.type_k = settings.type_v = kv
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, settings)
    if not context:
        raise SystemExit(f"llama.cpp cannot load {path}")
    vocabulary = llama_cpp.llama_vocab_n_tokens(
        llama_cpp.llama_model_get_vocab(model)
    )
    random = np.random.Generator(np.random.PCG64(42))

    def append(count):
        while count > 0:
            part = min(count, LONG_PROMPT)
            tokens = random.integers(0, vocabulary, part, np.int32)
            pointer = tokens.ctypes.data_as(
                ctypes.POINTER(llama_cpp.llama_token)
            )
            batch = llama_cpp.llama_batch_get_one(pointer, part)
            if llama_cpp.llama_decode(context, batch):
                raise SystemExit("llama_decode failed")
            count -= part
        # Also waits for the result.
        llama_cpp.llama_get_logits(context)

    def timed_prompt(length):
        memory = llama_cpp.llama_get_memory(context)
        llama_cpp.llama_memory_clear(memory, True)
        return timed(lambda: append(length))

    def measure():
        sample = {"short": timed_prompt(SHORT_PROMPT)}
        for depth in DEPTHS:
            prompt = timed_prompt(depth)
            if depth == LONG_PROMPT:
                sample["prompt"] = depth / prompt
            tokens = [timed(lambda: append(1)) for _ in range(DECODED)]
            sample[f"decode_{depth}"] = 1 / statistics.median(tokens)
        return sample

    measure()
    version = f"llama-cpp-python {llama_cpp.__version__}: {info.strip()}"
    serve(version, measure)


def torch_worker(path, shape, threads, compiles, rounds):
    sys.path.insert(0, str(HERE))
    import torch
    from ladder import SHAPES as LADDER
    from torch.nn import functional as F

    # Found through the path that ladder.py adds.
    from gguf import Reader

    torch.set_num_threads(threads)
    torch.manual_seed(42)
    model = LADDER[shape]
    dtype = torch.bfloat16 if rounds else torch.float32
    head_size = model.hidden // model.heads
    reader = Reader(path)
    adapters = []

    def weight(name):
        return torch.from_numpy(reader.read(f"{name}.weight")).to(dtype)

    def linear(name):
        frozen = weight(name)
        bound = frozen.shape[1] ** -0.5
        a = torch.empty(RANK, frozen.shape[1]).uniform_(-bound, bound)
        b = torch.zeros(frozen.shape[0], RANK)
        adapters.extend((a.requires_grad_(), b.requires_grad_()))
        return lambda x: F.linear(x, frozen) + 2 * F.linear(F.linear(x, a), b)

    def norm(name):
        scale = weight(name)
        return lambda x: F.rms_norm(x, scale.shape, scale, model.epsilon)

    def block(index):
        names = ("attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm")
        parts = {name: norm(f"blk.{index}.{name}") for name in names}
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            parts[name] = linear(f"blk.{index}.{name}")
        for name in ("ffn_gate", "ffn_up", "ffn_down"):
            parts[name] = linear(f"blk.{index}.{name}")
        return parts

    embedding = weight("token_embd")
    blocks = [block(index) for index in range(model.layers)]
    output_norm = norm("output_norm")
    pair = torch.arange(0, head_size, 2) / head_size
    angle = torch.outer(torch.arange(SHORT_PROMPT), model.theta**-pair)
    cosine = torch.cat((angle, angle), 1).cos()
    sine = torch.cat((angle, angle), 1).sin()

    def heads(x):
        return x.view(1, SHORT_PROMPT, -1, head_size).transpose(1, 2)

    def rotate(x):
        low, high = x.chunk(2, -1)
        return x * cosine + torch.cat((-high, low), -1) * sine

    def loss_of(tokens):
        x = F.embedding(tokens, embedding)
        for part in blocks:
            y = part["attn_norm"](x)
            y = F.scaled_dot_product_attention(
                rotate(heads(part["attn_q"](y))),
                rotate(heads(part["attn_k"](y))),
                heads(part["attn_v"](y)),
                is_causal=True,
            )
            y = y.transpose(1, 2).reshape(1, SHORT_PROMPT, model.hidden)
            x = x + part["attn_output"](part["attn_sub_norm"](y))
            y = part["ffn_norm"](x)
            y = F.silu(part["ffn_gate"](y)) * part["ffn_up"](y)
            x = x + part["ffn_down"](part["ffn_sub_norm"](y))
        logits = F.linear(output_norm(x), embedding)
        return F.cross_entropy(logits[0, :-1], tokens[0, 1:])

    compiled = torch.compile(loss_of) if compiles else loss_of
    # Adapters stay f32; what is computed with them is rounded.
    rounding = torch.autocast("cpu", dtype=dtype, enabled=rounds)
    optimizer = torch.optim.AdamW(adapters, lr=1e-5, weight_decay=0.01)
    tokens = torch.randint(0, model.vocabulary, (1, SHORT_PROMPT))

    def step():
        with rounding:
            loss = compiled(tokens)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    # The first compiles, the second warms up.
    step()
    step()
    capability = torch.backends.cpu.get_cpu_capability()
    serve(
        f"PyTorch {torch.__version__}: {capability}",
        lambda: {"step": timed(step)},
    )


WORKERS = {
    "llama": llama_worker,
    "torch": lambda *place, kv_type: torch_worker(*place, False, False),
    "torch-compile": lambda *place, kv_type: torch_worker(*place, True, False),
    "torch-bf16": lambda *place, kv_type: torch_worker(*place, True, True),
}


class IkLlama:
    """ik_llama.cpp's llama-bench, on IQ2_BN made by its llama-quantize."""

    def __init__(self, folder, floats, threads, kv_type):
        model = floats.with_suffix(".iq2_bn.gguf")
        if not model.exists():
            unfinished = model.with_suffix(".part")
            run([folder / "llama-quantize", floats, unfinished, "IQ2_BN"])
            unfinished.rename(model)
        tests = ["-p", f"{SHORT_PROMPT},{LONG_PROMPT}", "-n", "0"]
        for depth in DEPTHS:
            tests += ["-gp", f"{depth},{DECODED}"]
        self._command = [folder / "llama-bench", "-m", model, "-o", "json",
                         "-r", "1", "-t", str(threads), "-rtr", "1",
                         "-ctk", kv_type, "-ctv", kv_type, *tests]  # fmt: skip
        results = self._run()
        self.version = f"ik_llama.cpp {results[0]['build_commit']}: IQ2_BN, -rtr 1"

    def measure(self):
        speeds = {
            (entry["n_prompt"], entry["n_gen"]): entry["avg_ts"]
            for entry in self._run()
        }
        try:
            sample = {
                "prompt": speeds[LONG_PROMPT, 0],
                "short": SHORT_PROMPT / speeds[SHORT_PROMPT, 0],
            }
            for depth in DEPTHS:
                sample[f"decode_{depth}"] = speeds[depth, DECODED]
        except KeyError as test:
            raise Skipped(f"llama-bench reported no test {test}") from None
        return sample

    def close(self):
        """Nothing runs between measurements."""

    def _run(self):
        try:
            return json.loads(run(self._command))
        except json.JSONDecodeError as error:
            raise Skipped(f"llama-bench wrote no JSON: {error}") from None


class QvacFabric:
    """QVAC Fabric's llama-finetune-lora, one window of tokens a step."""

    STEPS = 4
    PROGRESS = re.compile(rb"data=0*(\d+)/")

    def __init__(self, folder, gguf, threads):
        # It runs in a folder of its own, where it leaves checkpoints.
        program = folder.resolve() / "llama-finetune-lora"
        self._folder = tempfile.TemporaryDirectory()
        scratch = pathlib.Path(self._folder.name)
        text = scratch / "text.txt"
        # At least a token for two characters: more than enough windows.
        text.write_text("a b c d " * (SHORT_PROMPT * self.STEPS * 4))
        size = str(SHORT_PROMPT)
        self._command = [program, "-m", gguf.resolve(), "-f", text, "-fa", "off",
                         "-c", size, "-b", size, "-ub", size, "-ngl", "0",
                         "-t", str(threads), "--lora-rank", str(RANK),
                         "--lora-modules", "all", "--output-adapter",
                         scratch / "adapter.gguf"]  # fmt: skip
        if not program.exists():
            raise Skipped(f"{program} does not exist: give --qvac=DIR")
        version = run([program, "--version"]).strip().splitlines()
        self.version = f"QVAC Fabric: {version[0] if version else 'unknown'}"

    def measure(self):
        """Times at which its progress counts on, the first as a warm-up."""
        times = {}
        process = subprocess.Popen(
            self._command, cwd=self._folder.name, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        last = b""
        while part := os.read(process.stdout.fileno(), 1 << 12):
            for number in self.PROGRESS.findall(last + part):
                times.setdefault(int(number), time.perf_counter())
            last = (last + part)[-64:]
            if len(times) > self.STEPS:
                process.kill()
        process.wait()
        if len(times) < 3:
            raise Skipped(f"llama-finetune-lora ended early: {last!r}")
        ends = sorted(times.values())[1:]
        steps = [end - begin for begin, end in zip(ends, ends[1:])]
        return {"step": statistics.median(steps)}

    def close(self):
        self._folder.cleanup()


if __name__ == "__main__":
    tool, path, shape, threads, kv_type = sys.argv[1:]
    place = (path, shape, int(threads))
    WORKERS[tool](*place, kv_type=kv_type)
