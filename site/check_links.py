# ===- check_links.py - Links within a site --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds links and pictures of built pages that lead nowhere in the site."""

import html.parser
import pathlib
import urllib.parse


class _Page(html.parser.HTMLParser):
    """Targets and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.anchors = set(), {"", "__top"}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.add(value)


def check_links(folder):
    """What is broken in the pages below `folder`, a line for each."""
    pages = {
        page.resolve(): _Page(page.read_text(encoding="utf-8"))
        for page in sorted(pathlib.Path(folder).rglob("*.html"))
    }
    broken = []
    for path, page in pages.items():
        for target in sorted(page.targets):
            parts = urllib.parse.urlsplit(target)
            # 404.html has links from the root of a server.
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            file = path
            if parts.path:
                file = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            if file.is_dir():
                file = file / "index.html"
            anchor = urllib.parse.unquote(parts.fragment)
            if not file.exists():
                broken.append(f"{path}: nothing is at {target}")
            elif file in pages and anchor not in pages[file].anchors:
                broken.append(f"{path}: {file.name} has no anchor #{anchor}")
    return broken
