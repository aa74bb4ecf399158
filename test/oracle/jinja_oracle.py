#!/usr/bin/env python3
# ===- jinja_oracle.py - The template interpreter against Jinja2 ----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare sterna-jinja-render with Jinja2, set up as transformers sets it up.

  jinja_oracle.py TOOL [--templates DIR] [--conversations N] [--programs N]
                  [--seed S] [--show N]

Renders the templates of published families (our own spelling of them, and
those in DIR) for random conversations, and random small programs. What both
render must be equal, and what Jinja2 refuses must be refused. What only the
tool refuses is counted, by message, and is an error unless the message says
that something is not supported. Needs the package jinja2.
"""

import argparse
import collections
import datetime
import json
import pathlib
import random
import subprocess
import sys
import warnings

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja_families import FAMILIES
from jinja_programs import random_context, random_program


class Generation(jinja2.ext.Extension):
    """{% generation %}, which only marks what the assistant wrote."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_emit")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _emit(self, caller):
        return caller()


def make_environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(
        x, ensure_ascii=False, indent=None, separators=None, sort_keys=False
    ):
        return json.dumps(
            x,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda pattern: (
        datetime.datetime.now().strftime(pattern)
    )
    return environment


def expect(environment, source, contexts):
    try:
        template = environment.from_string(source)
    except Exception as error:  # any failure is a refusal
        return [{"error": repr(error)}] * len(contexts)
    results = []
    for context in contexts:
        try:
            results.append({"text": template.render(**context)})
        except Exception as error:
            results.append({"error": repr(error)})
    return results


TEXTS = [
    "",
    " ",
    "Hi",
    "  two  spaces \n",
    "\n\nlines\nof text\n",
    "Gr\u00fc\u00dfe, \u4e16\u754c \U0001f600",
    "<|im_start|>user\nfake<|im_end|>",
    "[INST] fake [/INST] </s>",
    'it\'s "quoted" \\ back',
    "<think>\nhm\n</think>\n\nanswer",
    "<tool_response>\nx\n</tool_response>",
    "{{ not.a.tag }} {% no %} {# no #}",
    "\u00a0non-breaking\u2003",
    "tab\tand\r\nreturn",
    "a|b<|eot_id|>",
    "word " * 300,
]


def random_text(rng):
    text = rng.choice(TEXTS)
    return text + rng.choice(TEXTS) if rng.random() < 0.3 else text


def random_conversation(rng):
    """Mostly well formed: roles that alternate, maybe after a system."""
    messages = []
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": random_text(rng)})
    for i in range(rng.randint(0 if rng.random() < 0.1 else 1, 6)):
        role = "assistant" if i % 2 else "user"
        if rng.random() < 0.05:
            role = rng.choice(["tool", "system", "user", "assistant", "other"])
        message = {"role": role, "content": random_text(rng)}
        if role == "assistant" and rng.random() < 0.1:
            message["reasoning_content"] = random_text(rng)
        if role == "assistant" and rng.random() < 0.05:
            message["tool_calls"] = [
                {
                    "id": "abcdefghi",
                    "type": "function",
                    "function": {
                        "name": "f",
                        "arguments": {"x": random_text(rng), "n": [1, 2.5]},
                    },
                }
            ]
        messages.append(message)
    context = {
        "messages": messages,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "add_generation_prompt": rng.random() < 0.5,
    }
    if rng.random() < 0.3:
        context["enable_thinking"] = rng.random() < 0.5
    if rng.random() < 0.1:
        context["date_string"] = "1 Jan 2025"
    if rng.random() < 0.15:
        parameters = {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": " Where\u00e9 "},
                "days": {"type": ["integer", "null"], "description": "d"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        }
        function = {
            "name": "weather",
            "description": 'Tells "it"',
            "parameters": parameters,
        }
        context["tools"] = [{"type": "function", "function": function}]
    return context


def run_tool(tool, jobs):
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    result = subprocess.run(
        [tool], input=lines.encode(), capture_output=True, check=False
    )
    if result.returncode:
        sys.exit(f"{tool}: exit {result.returncode}\n{result.stderr.decode()}")
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


# In messages of what is refused on purpose.
REFUSALS = ("not supported", "64 bits")


class Tally:
    """Counts outcomes, and prints the first differences."""

    def __init__(self, show):
        self.show = show
        self.counts = collections.Counter()
        self.refusals = collections.Counter()
        self.failures = 0

    def add(self, name, source, context, expected, actual):
        if expected == {k: v for k, v in actual.items() if k == "text"}:
            self.counts["equal"] += 1
        elif "error" in expected and "error" in actual:
            self.counts["refused by both"] += 1
        elif any(word in actual.get("error", "") for word in REFUSALS):
            self.counts["not supported"] += 1
            self.refusals[actual["error"].split(": ", 1)[1]] += 1
        else:
            self.counts["different"] += 1
            self.failures += 1
            if self.failures <= self.show:
                print(f"--- {name}\n{source}\ncontext: {context!r}")
                print(f"expected: {expected!r}\nactual:   {actual!r}")

    def report(self, title):
        counts = ", ".join(f"{n} {k}" for k, n in sorted(self.counts.items()))
        print(f"{title}: {counts}")
        for message, count in self.refusals.most_common(self.show):
            print(f"  {count} x {message}")
        return self.failures


def compare(tool, environment, jobs, names, show):
    tally = Tally(show)
    for name, job, actual in zip(names, jobs, run_tool(tool, jobs)):
        source, contexts = job["template"], job["contexts"]
        expected = expect(environment, source, contexts)
        for context, wanted, got in zip(contexts, expected, actual):
            tally.add(name, source, context, wanted, got)
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool")
    parser.add_argument("--templates", type=pathlib.Path)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--programs", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of programs that index numbers
    environment = make_environment()
    rng = random.Random(options.seed)

    families = dict(FAMILIES)
    if options.templates and options.templates.is_dir():
        for path in sorted(options.templates.glob("*.jinja")):
            families[path.stem] = path.read_text()
    jobs = []
    for source in families.values():
        contexts = [
            random_conversation(rng) for _ in range(options.conversations)
        ]
        jobs.append({"template": source, "contexts": contexts})
    tally = compare(options.tool, environment, jobs, families, options.show)
    failures = tally.report(f"{len(families)} templates")

    jobs = [
        {"template": random_program(rng), "contexts": [random_context(rng)]}
        for _ in range(options.programs)
    ]
    names = [f"program {i}" for i in range(len(jobs))]
    tally = compare(options.tool, environment, jobs, names, options.show)
    failures += tally.report(f"{len(jobs)} programs")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
