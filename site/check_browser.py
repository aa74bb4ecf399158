# ===- check_browser.py - A site in a real browser -------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Opens built pages in headless Chromium, from files as a reader would."""

import pathlib
import re
import subprocess

#: One of each kind: a guide, a tutorial with a plot, both references.
PAGES = ("index", "training", "tutorials/tune", "reference/sterna", "reference/tern")


def _open(page):
    """The document as the browser has it after scripts have run, and what it
    wrote."""
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )
    return done.stdout, done.stderr


def check_browser(folder):
    """What is wrong with the pages below `folder`, a line for each."""
    wrong = []
    for name in PAGES:
        page = pathlib.Path(folder).resolve() / f"{name}.html"
        document, messages = _open(page)
        wrong += [
            f"{page}: {line}"
            for line in messages.splitlines()
            if re.search(r"CONSOLE.*(error|refused|failed)", line, re.IGNORECASE)
        ]
        if not re.search(r"<h1>.*\w", document):
            wrong.append(f"{page}: has no heading in the browser")
        if name == "tutorials/tune" and "<svg" not in document:
            wrong.append(f"{page}: has no curve in the browser")
    return wrong
