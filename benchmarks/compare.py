#!/usr/bin/env python3
# ===- compare.py - Sterna against llama.cpp and PyTorch ------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Measures three tools on one random-weight model. A tool runs in a process of
# its own that loads and warms up once and then measures when it is asked to:
# so the rounds alternate between the tools, and what else the machine does
# falls on all of them.
# ===----------------------------------------------------------------------=== #
"""Compare Sterna with llama.cpp and PyTorch on the same random-weight model.

  llama   prompt of 512 and of 128 tokens, decoding; llama.cpp, TQ2_0
  torch   one LoRA step of 128 tokens, with AdamW; eager, dequantized f32
  sterna  all of these

Models are written by ladder.py (TQ2_0, f16 embedding and head) and compiled by
sterna-compile. Rounds alternate (sterna, llama, torch, sterna, ...); the tables
give the median of the rounds and their range.

Examples:
  compare.py --sterna=build/bin
  compare.py --sterna=build/bin --shapes=125M --only=sterna,torch --repeat=7
  compare.py --llama=/venvs/llama/bin/python --torch=/venvs/torch/bin/python

The peers are Python packages, each in an interpreter of its own choice:
  CMAKE_ARGS=-DGGML_NATIVE=ON pip install llama-cpp-python
  pip install torch==2.13.0 numpy
A peer that cannot be imported is skipped, and the report says so.
"""

import argparse
import ctypes
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from plotting import load_pyplot

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ("sterna", "llama", "torch")
# Our name for a shape, and ladder.py's.
SHAPES = {"0.7B": "bitnet_b1_58-large", "125M": "125M", "1B": "1B"}
# Shapes at which a LoRA step is compared.
TRAINED = ("125M", "1B")
CONTEXT = 1024
LONG_PROMPT = 512
SHORT_PROMPT = 128
DECODED = 64
RANK = 8

# Key, title, unit, whether more is better, the peer that measures it too.
METRICS = (
    ("prompt", f"prompt of {LONG_PROMPT}", "tokens/s", True, "llama"),
    ("decode", "decoding", "tokens/s", True, "llama"),
    ("short", f"prompt of {SHORT_PROMPT}", "s", False, "llama"),
    ("step", f"LoRA step of {SHORT_PROMPT}", "s", False, "torch"),
    ("step_int16", f"LoRA step of {SHORT_PROMPT}, int16 gradients", "s", False,
     "torch"),
)  # fmt: skip
# What a peer measures in place of it.
MEASURED_AS = {"step_int16": "step"}

NOT_EQUAL = """\
- Sampling: no tool samples. Decoding feeds given tokens and ends with logits.
- Prompt: llama.cpp computes the logits of the last token, Sterna none.
- Prompt repeats: a Sterna sample is the median of five prompts, a sample of
  llama.cpp is one prompt. A sample of decoding is a median of 64 tokens.
- Head: f16 and tied to the embedding in Sterna and llama.cpp, f32 in PyTorch.
- KV cache: f32 in Sterna and llama.cpp. Flash attention is off in llama.cpp.
- Activations of linears: int8 per token in Sterna, int8 per block of 256 in
  llama.cpp, f32 in PyTorch (which so saves the work of quantizing them).
- Recomputation: Sterna recomputes each block's activations in its step;
  PyTorch keeps all of them and needs the memory for it.
- int16 gradients: Sterna compiled with --gradient-type=int16, against the same
  step of PyTorch in f32.
- Gradients: f32 in Sterna and PyTorch, of the LoRA matrices only; both clip to
  norm 1 and apply AdamW. Rank 8 on all seven linears of a block.
"""


# The worker processes: one line of JSON when ready, then one per line asked.


def serve(description, measure):
    """Measure once for every line of standard input."""
    print(json.dumps(description), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def llama_worker(path, shape, threads):
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
    settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_F32
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, settings)
    if not context:
        raise SystemExit(f"llama.cpp cannot load {path}")
    vocabulary = llama_cpp.llama_vocab_n_tokens(
        llama_cpp.llama_model_get_vocab(model)
    )
    random = np.random.Generator(np.random.PCG64(42))

    def append(count):
        tokens = random.integers(0, vocabulary, count, np.int32)
        pointer = tokens.ctypes.data_as(
            ctypes.POINTER(llama_cpp.llama_token)
        )
        batch = llama_cpp.llama_batch_get_one(pointer, count)
        if llama_cpp.llama_decode(context, batch):
            raise SystemExit("llama_decode failed")
        # Also waits for the result.
        llama_cpp.llama_get_logits(context)

    def clear():
        memory = llama_cpp.llama_get_memory(context)
        llama_cpp.llama_memory_clear(memory, True)

    def measure():
        clear()
        short = timed(lambda: append(SHORT_PROMPT))
        clear()
        prompt = timed(lambda: append(LONG_PROMPT))
        tokens = [timed(lambda: append(1)) for _ in range(DECODED)]
        return {
            "prompt": LONG_PROMPT / prompt,
            "decode": 1 / statistics.median(tokens),
            "short": short,
        }

    measure()
    version = f"llama-cpp-python {llama_cpp.__version__}: {info.strip()}"
    serve(version, measure)


def torch_worker(path, shape, threads):
    sys.path.insert(0, str(HERE))
    import torch
    from ladder import SHAPES as LADDER
    from torch.nn import functional as F

    # Found through the path that ladder.py adds.
    from gguf import Reader

    torch.set_num_threads(threads)
    torch.manual_seed(42)
    model = LADDER[SHAPES[shape]]
    head_size = model.hidden // model.heads
    reader = Reader(path)
    adapters = []

    def weight(name):
        return torch.from_numpy(reader.read(f"{name}.weight"))

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

    optimizer = torch.optim.AdamW(adapters, lr=1e-5, weight_decay=0.01)
    tokens = torch.randint(0, model.vocabulary, (1, SHORT_PROMPT))

    def step():
        loss_of(tokens).backward()
        torch.nn.utils.clip_grad_norm_(adapters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    step()
    capability = torch.backends.cpu.get_cpu_capability()
    serve(
        f"PyTorch {torch.__version__}: {capability}",
        lambda: {"step": timed(step)},
    )


WORKERS = {"llama": llama_worker, "torch": torch_worker}


class Skipped(Exception):
    """A tool that cannot be measured here, and why."""


class Peer:
    """The worker process of a peer, loaded and warmed up."""

    def __init__(self, tool, python, path, shape, threads):
        # A file and no pipe: nobody reads it before the end.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            [python, __file__, "--worker", tool, path, shape, str(threads)],
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
        raise Skipped(lines[-1])


class Sterna:
    """sterna-run bench, which warms up before each of its measurements."""

    def __init__(self, binaries, modules, threads):
        """`modules` by the key of the training step that each measures; the
        first also generates."""
        self._command = [binaries / "sterna-run", "--json", "--threads"]
        self._command += [str(threads), "bench"]
        self._modules = modules
        long = self._bench("step", prompt=16, generate=0, train=0)
        version = run([binaries / "sterna-run", "--version"]).strip()
        self.version = f"{version}: {long['target']}"

    def measure(self):
        trains = "step_int16" in self._modules
        long = self._bench("step", LONG_PROMPT, DECODED, 0)
        short = self._bench("step", SHORT_PROMPT, 0, 2 if trains else 0)
        sample = {
            "prompt": long["prompt_tokens_per_second"],
            "decode": long["decode_tokens_per_second"],
            "short": SHORT_PROMPT / short["prompt_tokens_per_second"],
        }
        if trains:
            int16 = self._bench("step_int16", 16, 0, 2)
            sample["step"] = short["train_seconds_per_step"]
            sample["step_int16"] = int16["train_seconds_per_step"]
        return sample

    def close(self):
        """Nothing runs between measurements."""

    def _bench(self, key, prompt, generate, train):
        arguments = [self._modules[key], "--prompt", prompt]
        arguments += ["--generate", generate, "--train-steps", train]
        output = run(self._command + [str(value) for value in arguments])
        return json.loads(output.splitlines()[-1])


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


def write_once(path, newer_than, command):
    """Run `command`, which ends with where to write, unless `path` is newer
    than what it is made from."""
    made = path.stat().st_mtime if path.exists() else 0
    if made > max(source.stat().st_mtime for source in newer_than):
        return
    print(f"writing {path.name}", flush=True)
    unfinished = path.with_suffix(".part")
    run([*command, "-o", unfinished])
    unfinished.rename(path)


def start_tool(tool, args, gguf, shape):
    if tool != "sterna":
        python = args.llama if tool == "llama" else args.torch
        return Peer(tool, python, gguf, shape, args.threads)
    compiler = args.sterna / "sterna-compile"
    if not compiler.exists():
        raise Skipped(f"{compiler} does not exist: give --sterna=DIR")
    modules = {"step": gguf.with_suffix(".stn")}
    # All peers keep keys and values in f32.
    command = [compiler, gguf, f"--max-context={CONTEXT}", "--kv-type=f32"]
    write_once(modules["step"], (gguf, compiler), command)
    if shape in TRAINED:
        modules["step_int16"] = gguf.with_suffix(".int16.stn")
        command.append("--gradient-type=int16")
        write_once(modules["step_int16"], (gguf, compiler), command)
    return Sterna(args.sterna, modules, args.threads)


def compare(shape, args, report):
    """Adds the samples of all tools at one shape to the report."""
    gguf = args.work / f"{shape}.gguf"
    ladder = HERE / "ladder.py"
    write_once(gguf, (ladder,), [sys.executable, ladder, SHAPES[shape]])
    running = {}
    for tool in args.only:
        if tool == "torch" and shape not in TRAINED:
            continue
        try:
            running[tool] = start_tool(tool, args, gguf, shape)
            report["versions"][tool] = running[tool].version
        except Skipped as reason:
            skip(report, f"{tool} at {shape}: {reason}")
    samples = report["samples"].setdefault(shape, {})
    for index in range(args.repeat):
        for tool in list(running):
            try:
                sample = running[tool].measure()
            except Skipped as reason:
                skip(report, f"{tool} at {shape}: {reason}")
                del running[tool]
                continue
            print(f"{shape} {index + 1}/{args.repeat} {tool}: {sample}")
            sys.stdout.flush()
            for key, value in sample.items():
                samples.setdefault(key, {}).setdefault(tool, []).append(value)
    for tool in running.values():
        tool.close()


def skip(report, line):
    print(f"skipped: {line}", flush=True)
    report["skipped"].append(line)


def short_number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values):
    numbers = (statistics.median(values), min(values), max(values))
    return "{} ({}-{})".format(*map(short_number, numbers))


def peer_values(samples, key, peer):
    return samples.get(MEASURED_AS.get(key, key), {}).get(peer)


def advantage(key, more_is_better, samples, peer):
    """How many times faster Sterna is, by medians."""
    ours = samples.get(key, {}).get("sterna")
    theirs = peer_values(samples, key, peer)
    if not ours or not theirs:
        return "-"
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{ratio if more_is_better else 1 / ratio:.2f}"


def table(report):
    lines = [
        "| shape | what | Sterna | peer | Sterna is faster by |",
        "|---|---|---|---|---|",
    ]
    for shape, samples in report["samples"].items():
        for key, title, unit, more, peer in METRICS:
            if key not in samples:
                continue
            of = samples[key]
            ours = spread(of["sterna"]) if "sterna" in of else "-"
            values = peer_values(samples, key, peer)
            theirs = f"{peer} {spread(values)}" if values else "-"
            ratio = advantage(key, more, samples, peer)
            lines.append(
                f"| {shape} | {title}, {unit} | {ours} | {theirs} | {ratio} |"
            )
        step = samples.get("step", {}).get("sterna")
        prompt = samples.get("short", {}).get("llama")
        if step and prompt:
            ratio = statistics.median(step) / statistics.median(prompt)
            lines.append(
                f"| {shape} | Sterna's LoRA step, in times of llama.cpp's "
                f"prompt of the same {SHORT_PROMPT} tokens | | | "
                f"takes {ratio:.2f} times as long |"
            )
    return lines


def markdown(report):
    lines = [
        "# Sterna, llama.cpp and PyTorch",
        "",
        "Written by `benchmarks/compare.py`; do not edit.",
        "",
        f"- Machine: {report['machine']}, {report['threads']} threads",
        f"- Date: {report['date']}",
        f"- Command: `{report['command']}`",
        f"- Medians of {report['repeat']} alternating rounds (range)",
        f"- Load average at the start: {report['load']:.1f}",
    ]
    if report["note"]:
        lines.append(f"- **{report['note']}**")
    lines += [f"- {name}: {v}" for name, v in report["versions"].items()]
    lines += [f"- Skipped: {line}" for line in report["skipped"]]
    lines += ["", *table(report), "", "What is not equal:", ""]
    return "\n".join(lines) + "\n" + NOT_EQUAL


def plot(report, path):
    """One panel per measurement: bars of the medians, with the ranges."""
    pyplot = load_pyplot()
    if not pyplot:
        return
    figure, panels = pyplot.subplots(1, len(METRICS), figsize=(18, 4))
    for panel, (key, title, unit, more, _) in zip(panels, METRICS):
        draw_panel(panel, report["samples"], key)
        better = "more" if more else "less"
        panel.set_title(f"{title}, {unit}\n({better} is better)", fontsize=10)
    figure.suptitle(f"{report['machine']}, {report['threads']} threads")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def draw_panel(panel, samples, key):
    shapes = [shape for shape in samples if key in samples[shape]]
    for index, tool in enumerate(TOOLS):
        drawn = [i for i, s in enumerate(shapes) if tool in samples[s][key]]
        if not drawn:
            continue
        values = [samples[shapes[i]][key][tool] for i in drawn]
        medians = [statistics.median(v) for v in values]
        below = [m - min(v) for m, v in zip(medians, values)]
        above = [max(v) - m for m, v in zip(medians, values)]
        places = [i + 0.27 * (index - 1) for i in drawn]
        panel.bar(
            places, medians, 0.25, yerr=(below, above), capsize=3, label=tool
        )
    panel.set_xticks(range(len(shapes)), shapes)
    if shapes:
        panel.legend()


def write_report(report, folder):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1) + "\n"
    (folder / "compare.json").write_text(text)
    (folder / "compare.md").write_text(markdown(report))


def machine_name():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1] for line in lines if "model name" in line]
    name = names[0].strip() if names else platform.processor()
    return f"{name} ({os.cpu_count()} cores, {platform.machine()})"


def one_of(known):
    """A parser of comma-separated names."""

    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"expected names out of {','.join(known)}, got '{name}'"
                )
        return names

    return parse


def at_least_one(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got '{text}'")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--shapes", type=one_of(SHAPES), default=list(SHAPES),
        help=f"list out of {','.join(SHAPES)} (default: all)")  # fmt: skip
    add("--only", type=one_of(TOOLS), default=list(TOOLS),
        help=f"list out of {','.join(TOOLS)} (default: all)")  # fmt: skip
    add("--threads", type=at_least_one, default=os.cpu_count(),
        help="of every tool (default: all cores)")  # fmt: skip
    add("--repeat", type=at_least_one, default=5,
        help="rounds (default: 5)")  # fmt: skip
    add("--sterna", type=pathlib.Path, default=HERE.parent / "build" / "bin",
        metavar="DIR", help="of sterna-compile and sterna-run")  # fmt: skip
    add("--llama", default=sys.executable, metavar="PYTHON",
        help="interpreter with llama-cpp-python (default: this)")  # fmt: skip
    add("--torch", default=sys.executable, metavar="PYTHON",
        help="interpreter with torch and numpy (default: this)")  # fmt: skip
    add("--work", type=pathlib.Path, default=pathlib.Path("compare-models"),
        metavar="DIR", help="keeps the models, 2 GB (default: "
        "compare-models)")  # fmt: skip
    add("--output", type=pathlib.Path, default=HERE / "results",
        metavar="DIR", help="of compare.json, .md and .png")  # fmt: skip
    add("--note", default="", help="a remark for the report, such as: "
        "measured on a shared machine")  # fmt: skip
    return parser.parse_args()


def main():
    # Only this program itself starts workers: no part of the interface.
    if sys.argv[1:2] == ["--worker"]:
        tool, path, shape, threads = sys.argv[2:]
        WORKERS[tool](path, shape, int(threads))
        return
    args = parse_arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": machine_name(),
        "threads": args.threads,
        "date": datetime.date.today().isoformat(),
        # Paths are this machine's own and say nothing to a reader.
        "command": f"compare.py --shapes={','.join(args.shapes)} "
        f"--only={','.join(args.only)} --threads={args.threads} "
        f"--repeat={args.repeat}",
        "repeat": args.repeat,
        "load": os.getloadavg()[0],
        "note": args.note,
        "versions": {},
        "skipped": [],
        "samples": {},
    }
    for shape in args.shapes:
        try:
            compare(shape, args, report)
        except Skipped as reason:
            skip(report, f"{shape}: {reason}")
        # After every shape: a long run that is interrupted keeps its results.
        write_report(report, args.output)
    plot(report, args.output / "compare.png")
    print("\n".join(table(report)))


if __name__ == "__main__":
    main()
