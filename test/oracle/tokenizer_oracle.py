#!/usr/bin/env python3
# ===- tokenizer_oracle.py - Tokenizers against Hugging Face's ------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare encoding and decoding with the package `tokenizers`.

  tokenizer_oracle.py DRIVER [--strings N] [--characters all|some]
                      [--seed N] [--files FILE.json ...]

DRIVER is sterna-tokenizer-driver. Small vocabularies of every configuration
are trained first; FILE.json are tokenizer.json files of real models. Each gets
every character of Unicode in several surroundings, and N random strings.

Left out are code points for which the two know other versions of Unicode: those
that this Python's Unicode 14 does not have (PCRE2 10.42 has the same), and those
of NEWER, which the package's normal forms or its punctuation lack.
"""

import argparse
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import (  # noqa: E402
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace("{1,3}", "")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_V3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

WORDS = (
    "the tern is a sea bird it's we'll THEY'RE I'd don't hello world 123 4567 "
    "3.14 0x1F foo_bar camelCase HTTPServer def return {} [] () => != // # "
    "straße naïve Ünïcödé русский текст ελληνικά עברית العربية हिन्दी "
    "ไทย 中文字符 日本語テスト 한국어 한글 e\u0301 a\u0308\u0323 "
    "🐦 👩‍👩‍👧 🇩🇪 ½ ² Ⅷ ٣٤ ﬁ ſ K Å ẛ̣ <|x|> <s> </s> [INST] <tool>"
).split(" ")
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u00a0"]
SPACES += ["\u3000", "\u2028", "\u0085", "\u180e", "\u200b", "\x1c", "\x0b"]


# Marks and compatibility characters since Unicode 10, and punctuation since
# Unicode 9 (U+166D and U+111C9 were punctuation until then).
NEWER = """
07FD 0898-089F 08CA-08D3 09FE 0C3C 0D3B-0D3C 0EBA 1715 1ABF-1ACE 1DF6-1DFA A82C
10D24-10D27 10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 1145E
11839-1183A 11938 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45
11D97 11F41-11F42 16FF0-16FF1 1E130-1E136 1E2AE 1E2EC-1E2EF
32FF A7F2-A7F4 AB69 10781-10785 10787-107B0 107B2-107BA 1F16C 1FBF0-1FBF9
061D 09FD 0A76 0C77 0C84 166D 1B7D-1B7E 2E43-2E4F 2E52-2E5D 10EAD 10F55-10F59
10F86-10F89 111C9 1144B-1144F 1145A-1145B 1145D 11660-1166C 116B9 1183B
11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11C41-11C45 11C70-11C71
11EF7-11EF8 11FFF 12FF1-12FF2 16E97-16E9A 16FE2 1E95E-1E95F
"""


def parse_ranges(text):
    codes = set()
    for item in text.split():
        first, _, last = item.partition("-")
        codes.update(range(int(first, 16), int(last or first, 16) + 1))
    return codes


LEFT_OUT = parse_ranges(NEWER)


def is_compared(code):
    category = unicodedata.category(chr(code))
    return category not in ("Cs", "Cn", "Co") and code not in LEFT_OUT


def sample_text(rng, pieces):
    """A random mixture of words, spaces, characters and bytes."""
    parts = []
    for _ in range(rng.randrange(1, 12)):
        kind = rng.randrange(12)
        if kind < 5:
            parts.append(rng.choice(WORDS))
        elif kind < 8:
            parts.append(rng.choice(SPACES))
        elif kind == 8:
            parts.append(rng.choice(pieces))
        elif kind == 9:
            top = rng.choice([0x80, 0x250, 0x3000, 0x11000, 0x20000])
            code = rng.randrange(top)
            if is_compared(code):
                parts.append(chr(code) * rng.randrange(1, 4))
        elif kind == 10:
            noise = bytes(rng.randrange(256) for _ in range(6))
            noise = noise.decode("utf-8", "ignore")
            parts.extend(c for c in noise if is_compared(ord(c)))
        else:
            word = list(rng.choice(WORDS) or "a")
            rng.shuffle(word)
            parts.append("".join(word).upper())
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def character_texts(codes):
    """Every character alone and among others."""
    for code in codes:
        c = chr(code)
        for text in (c, f"a{c}b", f" {c} ", f"1{c}2", f"e{c}\u0301", f"{c}{c}."):
            yield text


# ===- small vocabularies ------------------------------------------------=== #


def added_tokens():
    return [
        AddedToken("<|x|>", special=True, normalized=False),
        AddedToken("<s>", special=True, normalized=False),
        AddedToken("</s>", special=True, normalized=False, rstrip=True),
        AddedToken("[INST]", special=False, normalized=False, lstrip=True),
        AddedToken("<tool>", special=False, normalized=True),
        AddedToken("tern", special=False, normalized=True, single_word=True),
        AddedToken("<|x", special=False, normalized=False),
        AddedToken("  ", special=False, normalized=False),
        AddedToken("é", special=False, normalized=True),
    ]


def byte_level(pre, norm=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    if norm:
        tokenizer.normalizer = norm
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return tokenizer, trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, show_progress=False
    )


def split_bytes(pattern, **options):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def marked(norm, pre, strip=True, special=("<unk>",), **options):
    """A vocabulary that marks spaces and falls back to bytes."""
    tokenizer = Tokenizer(
        models.BPE(
            unk_token="<unk>", byte_fallback=True, fuse_unk=True, **options
        )
    )
    if norm:
        tokenizer.normalizer = norm
    if pre:
        tokenizer.pre_tokenizer = pre
    steps = [
        decoders.Replace("▁", " "),
        decoders.ByteFallback(),
        decoders.Fuse(),
    ]
    if strip:
        steps.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(steps)
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    return tokenizer, trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=list(special) + bytes_,
        show_progress=False,
        limit_alphabet=150,
    )


def configurations():
    P, N = pre_tokenizers, normalizers
    mark = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    falcon = P.Sequence(
        [
            P.Punctuation("contiguous"),
            P.ByteLevel(add_prefix_space=False),
            P.Digits(individual_digits=False),
            P.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
        ]
    )
    smollm = P.Sequence(
        [P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)]
    )
    deepseek = P.Sequence(
        [
            P.Split(Regex(r"\p{N}{1,3}"), "isolated"),
            P.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
            P.Split(Regex(DEEPSEEK_V3), "isolated"),
            P.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    every = P.Sequence(
        [
            P.Split(" ", "merged_with_next"),
            P.Split(Regex(r"[\p{Lu}]"), "merged_with_previous"),
            P.Split("e", "removed"),
            P.Split(Regex(r"\d+"), "contiguous", invert=True),
            P.Split(Regex(r"\w+"), "isolated", invert=True),
            P.WhitespaceSplit(),
            P.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    forms = N.Sequence(
        [
            N.Strip(),
            N.NFKC(),
            N.Lowercase(),
            N.Replace(Regex(r"\s+"), " "),
            N.Replace("``", '"'),
        ]
    )
    yield "gpt2", byte_level(P.ByteLevel(add_prefix_space=False))
    yield "gpt2-prefix", byte_level(P.ByteLevel(add_prefix_space=True))
    yield "llama3", byte_level(split_bytes(LLAMA3), ignore_merges=True)
    yield "qwen", byte_level(split_bytes(QWEN), N.NFC())
    yield "o200k", byte_level(split_bytes(O200K))
    yield "falcon", byte_level(falcon)
    yield "smollm", byte_level(smollm)
    yield "deepseek", byte_level(deepseek)
    yield "every-split", byte_level(every)
    yield "forms", byte_level(split_bytes(LLAMA3), forms)
    yield "nfd", byte_level(split_bytes(QWEN), N.NFD())
    yield "nfkd", byte_level(split_bytes(QWEN), N.NFKD())
    yield "llama2", marked(mark, None)
    yield "minicpm", marked(N.Replace(" ", "▁"), None, strip=False)
    yield "gemma", marked(
        N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), strip=False
    )
    for scheme in ("first", "always", "never"):
        yield f"metaspace-{scheme}", marked(
            None, P.Metaspace(prepend_scheme=scheme), strip=scheme != "never"
        )
    yield "metaspace-whole", marked(None, P.Metaspace(split=False))
    unknown = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    unknown.pre_tokenizer = P.Metaspace()
    unknown.decoder = decoders.Fuse()
    yield "unknown", (
        unknown,
        trainers.BpeTrainer(
            vocab_size=200,
            special_tokens=["<unk>"],
            limit_alphabet=40,
            show_progress=False,
        ),
    )


def train(folder):
    corpus = [" ".join(WORDS), "the tern " * 20, "\n\n".join(WORDS)]
    corpus += [pathlib.Path(__file__).read_text(encoding="utf-8")]
    for name, (tokenizer, trainer) in configurations():
        tokenizer.train_from_iterator(corpus, trainer)
        tokenizer.add_tokens(added_tokens())
        path = folder / f"{name}.json"
        tokenizer.save(str(path))
        yield name, path


# ===- comparing ---------------------------------------------------------=== #


class Driver:
    def __init__(self, program, path):
        self.process = subprocess.Popen(
            [program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, request, payload):
        pipe = self.process.stdin
        pipe.write(request + struct.pack("<I", len(payload)) + payload)
        pipe.flush()
        size = struct.unpack("<I", self.process.stdout.read(4))[0]
        return self.process.stdout.read(size)

    def ids(self, request, text):
        answer = self.ask(request, text.encode())
        return list(struct.unpack(f"<{len(answer) // 4}i", answer))

    def decode(self, ids):
        payload = struct.pack(f"<{len(ids)}i", *ids)
        return self.ask(b"d", payload).decode()

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def compare(name, path, program, texts, report):
    """Prints what differs; returns the numbers of strings and differences."""
    theirs = Tokenizer.from_file(str(path))
    theirs.no_truncation()
    theirs.no_padding()
    ours = Driver(program, str(path))
    count = wrong = 0
    for text in texts:
        count += 1
        problems = []
        for request, special in ((b"e", False), (b"E", True)):
            theirs.encode_special_tokens = not special
            want = theirs.encode(text, add_special_tokens=False).ids
            got = ours.ids(request, text)
            if got != want:
                problems.append((request, want, got))
        if ours.ids(b"p", text) != got:
            problems.append(("parts", got, ours.ids(b"p", text)))
        said = theirs.decode(want)
        if ours.decode(want) != said:
            problems.append(("decode", said, ours.decode(want)))
        wrong += bool(problems)
        if problems and report > 0:
            report -= 1
            print(f"{name}: {text!r}")
            for what, want, got in problems:
                print(f"  {what}: expected {want}\n  but got {got}")
    if ours.close() != 0:
        sys.exit(f"{name}: the driver failed")
    return count, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--strings", type=int, default=200)
    parser.add_argument("--characters", choices=["all", "some"], default="some")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--files", nargs="*", default=[])
    options = parser.parse_args()
    codes = [code for code in range(0x110000) if is_compared(code)]
    total_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        cases = list(train(pathlib.Path(folder)))
        cases += [(path, path) for path in options.files]
        for name, path in cases:
            if options.only not in str(name):
                continue
            rng = random.Random(f"{options.seed} {name}")
            some = codes if options.characters == "all" else rng.sample(codes, 40)
            pieces = [p for p in Tokenizer.from_file(str(path)).get_vocab()]
            pieces.sort()

            def texts():
                yield from ("", " ", "  ", "\n", "a" * 300, " " * 300, "ab" * 99)
                yield from character_texts(some)
                for _ in range(options.strings):
                    yield sample_text(rng, pieces)

            count, wrong = compare(
                name, path, options.driver, texts(), options.report
            )
            total_wrong += wrong
            print(f"{name}: {count} strings, {wrong} differ", flush=True)
    sys.exit(total_wrong != 0)


if __name__ == "__main__":
    main()
