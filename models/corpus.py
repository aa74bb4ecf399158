# ===- corpus.py - The training text, the King James Bible ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Reads the public-domain King James Bible from Debian's `bible-kjv` program.

Kept apart from the tokenizer and the training loop because both need the same
text, split in the same way into training and held-out books.
"""

import re
import subprocess
from typing import List, NamedTuple, Tuple

# Two whole books the model never sees: a narrative and a letter. Neither has a
# parallel account elsewhere, so the held-out loss is not helped by quotation.
HELD_OUT_BOOKS = ("Esther", "James")


class Chapter(NamedTuple):
    """One chapter: the name of its book and its verses in order."""

    book: str
    verses: List[str]


def readBible() -> List[Chapter]:
    """Returns all 1189 chapters in order; needs the `bible` program."""
    try:
        text = subprocess.run(
            ["bible", "-l9999", "Gen1:1-Rev22:21"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        raise SystemExit(
            "the program 'bible' is missing: install the Debian packages"
            " bible-kjv and bible-kjv-text"
        )
    chapters: List[Chapter] = []
    headings = set()
    for line in text.splitlines():
        verse = re.match(r" *(\d+) (.+)", line) if line[:1] == " " else None
        heading = re.match(r"(.*\S) (\d+)$", line)
        if verse:
            chapters[-1].verses.append(verse.group(2).strip())
        elif heading and line not in headings:
            headings.add(line)
            chapters.append(Chapter(heading.group(1), []))
    if len(chapters) != 1189:
        raise SystemExit(f"expected 1189 chapters, but read {len(chapters)}")
    return chapters


def splitHeldOut(
    chapters: List[Chapter],
) -> Tuple[List[Chapter], List[Chapter]]:
    """Splits chapters into (training, held-out) by book."""
    training = [c for c in chapters if c.book not in HELD_OUT_BOOKS]
    heldOut = [c for c in chapters if c.book in HELD_OUT_BOOKS]
    return training, heldOut
