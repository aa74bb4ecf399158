#!/usr/bin/env python3
# ===- build.py - The documentation site -----------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gathers the pages, makes the reference, runs the tutorials, and builds the site.

  build.py --build=BUILD --llvm=FOLDER --output=FOLDER

OUTPUT/html is the site; BUILD is Sterna's; LLVM's folder has bin and include. Python
is one with requirements.txt and the package sterna[federated]. Fails where a link leads
nowhere, where a tutorial fails, and where a page does not open in Chromium without an
error.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

from check_browser import check_browser
from check_links import check_links

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = {
    "sterna": "sterna",
    "federated": "sterna.federated",
    "torch": "sterna.torch",
}
PACKAGE_PAGE = """# Package {0}

```{{eval-rst}}
.. automodule:: {0}
   :members:
```
"""
DIALECTS = {"tern": "Tern", "plan": "Plan"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)]*)?\)")


def move_links(text, page):
    """The Markdown of `page`, a file of the project, as a page of the site: links
    to other pages stay links, pictures are beside them, and what is in the source
    tree alone becomes text. Raises ValueError for a file that is not there."""

    def move(match):
        picture, label, target, anchor = match.groups()
        if re.match(r"[a-z]+:", target):
            return match[0]
        file = (page.parent / target).resolve()
        if not file.exists():
            raise ValueError(f"{page}: there is no {target}")
        if file.parent == ROOT / "docs" and file.suffix == ".md":
            return f"{picture}[{label}]({file.name}{anchor or ''})"
        if file == ROOT / "README.md":
            return f"[{label}](index.md{anchor or ''})"
        if page.parent == ROOT / "docs" / "tutorials":
            return match[0]
        if picture:
            return f"![{label}](pictures/{file.name})"
        if label.startswith("`"):
            return label
        return f"{label} (`{file.relative_to(ROOT)}`)"

    return LINK.sub(move, text)


def gather(source):
    """The project's own pages, pictures and tutorials."""
    pages = {ROOT / "README.md": "index.md"}
    pages |= {page: page.name for page in sorted((ROOT / "docs").glob("*.md"))}
    for page, name in pages.items():
        (source / name).write_text(move_links(page.read_text(), page))
    with open(source / "index.md", "a", encoding="utf-8") as index:
        index.write((ROOT / "site" / "contents.md").read_text())
    shutil.copytree(ROOT / "docs" / "tutorials", source / "tutorials")
    pictures = source / "pictures"
    pictures.mkdir()
    for kind in ("*.svg", "*.png"):
        for picture in (ROOT / "benchmarks" / "results").glob(kind):
            shutil.copy(picture, pictures)


def tblgen(arguments, backend, file, *options):
    """What a generator of MLIR's writes about a file of definitions."""
    include = ROOT / "include"
    return subprocess.run(
        [arguments.llvm / "bin" / "mlir-tblgen", f"-gen-{backend}", include / file,
         f"-I{include}", f"-I{arguments.llvm / 'include'}", *options],
        check=True, capture_output=True, text=True,
    ).stdout


def make_reference(arguments, folder):
    """Pages of the packages, dialects and passes."""
    folder.mkdir()
    for name, package in PACKAGES.items():
        (folder / f"{name}.md").write_text(PACKAGE_PAGE.format(package))
    for name, file in DIALECTS.items():
        text = tblgen(arguments, "dialect-doc",
                      f"sterna/Dialect/{file}/IR/{file}Ops.td", f"--dialect={name}")
        (folder / f"{name}.md").write_text(text.replace("[TOC]\n", ""))
    include = ROOT / "include"
    passes = ["# Passes\n"]
    for file in sorted(include.glob("sterna/**/Passes.td")):
        where = file.parent.relative_to(include / "sterna")
        passes.append(f"## {where}\n")
        passes.append(tblgen(arguments, "pass-doc", file.relative_to(include)))
    (folder / "passes.md").write_text("\n".join(passes))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--llvm", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    folder = arguments.output.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    source.mkdir(parents=True)
    gather(source)
    make_reference(arguments, source / "reference")
    shutil.copy(ROOT / "site" / "conf.py", source)
    environment = {**os.environ, "STERNA_SOURCE": str(ROOT),
                   "STERNA_BUILD": str(arguments.build.resolve())}
    subprocess.run([sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet",
                    source, folder / "html"], env=environment, check=True)
    broken = check_links(folder / "html") + check_browser(folder / "html")
    if broken:
        sys.exit("\n".join(broken))
    print(f"{folder / 'html' / 'index.html'}: "
          f"{len(list((folder / 'html').rglob('*.html')))} pages")


if __name__ == "__main__":
    main()
