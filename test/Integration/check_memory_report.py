#!/usr/bin/env python3
# ===- check_memory_report.py - The picture against the plan --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check what --memory-report drew, as a browser has it.

  check_memory_report.py REPORT.html PICTURE.svg MODULE.stn

Each program's rectangles lie within its arena, no two that share a byte share a
launch, and the bytes that are alive at the marked launch are the most. The page
is opened in headless Chromium, which must have nothing to say.
"""

import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}


def open_in_browser(page):
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--enable-logging=stderr", "--dump-dom", page.resolve().as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def read_size(text):
    value, unit = text.split()
    return float(value) * UNITS[unit]


def tensors(picture):
    """(first launch, last, offset, bytes to the precision shown) of each."""
    for rectangle in picture.findall(f"{SVG}rect"):
        title = rectangle.find(f"{SVG}title")
        if title is None:
            continue  # of the legend
        what, place = title.text.split("\n")
        first, last, offset = map(int, re.findall(r"\d+", place))
        yield first, last, offset, read_size(what.rsplit(", ", 1)[1])


def check(picture, arena):
    rows = sorted(tensors(picture))
    launches = 1 + max((row[1] for row in rows), default=0)
    alive = [0.0] * launches
    for i, (first, last, offset, size) in enumerate(rows):
        # Sizes are shown with one digit, of a kibibyte or more.
        least = size - (size > 1024) * 0.05 * (1 << 20 if size >= 1 << 20 else 1 << 10)
        assert offset + least <= arena, (offset, size, arena)
        for launch in range(first, last + 1):
            alive[launch] += size
        for other_first, _, other, other_size in rows[i + 1 :]:
            if other_first > last:
                break
            apart = other >= offset + least or offset >= other + other_size * 0.95
            assert apart, (rows[i], other_first, other, other_size)
    marked = re.search(
        r"peak: ([\d.]+ \w+) at launch (\d+)",
        " ".join(text.text for text in picture.findall(f"{SVG}text")),
    )
    if rows:
        most, at = read_size(marked[1]), int(marked[2])
        assert abs(most - max(alive)) <= 0.03 * max(alive), (most, max(alive))
        assert alive[at] >= 0.97 * max(alive)
    return len(rows)


def main():
    report, picture, module = map(pathlib.Path, sys.argv[1:])
    described = json.loads(
        subprocess.run(["sterna-run", "info", module, "--json"], check=True,
                       capture_output=True, text=True).stdout.splitlines()[-1]
    )  # fmt: skip
    arenas = {row["name"]: row["arena_bytes"] for row in described["programs"]}
    drawn = re.findall(r"<svg.*?</svg>", open_in_browser(report), re.DOTALL)
    assert len(drawn) == len(arenas), (len(drawn), arenas)
    count = 0
    for text in drawn:
        root = ElementTree.fromstring(text)
        program = root.find(f"{SVG}title").text.removeprefix("Arena of ")
        count += check(root, arenas[program])
    alone = ElementTree.parse(picture).getroot()
    assert alone.find(f"{SVG}title").text == "Arena of train_micro"
    check(alone, arenas["train_micro"])
    print(f"{len(drawn)} programs, {count} tensors")


if __name__ == "__main__":
    main()
