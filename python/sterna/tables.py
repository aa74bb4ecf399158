# ===- tables.py - Tables and curves for terminals and notebooks -----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small pictures of results, without a library for them."""

from __future__ import annotations

import html
from collections.abc import Sequence


class Tabular:
    """What a terminal and a notebook show as a table."""

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        """Heads of the columns, and rows."""
        raise NotImplementedError

    def __str__(self) -> str:
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells())


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    lines = []
    for row in [heads, *rows]:
        first = row[0].ljust(widths[0])
        others = [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *others]))
    return "\n".join(lines)


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for a notebook."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(heads, 'th')}</tr>{body}</table>"


def svg_curve(
    values: Sequence[float], title: str, width: int = 480, height: int = 200
) -> str:
    """A curve of `values` over their number, from 1, as an SVG picture."""
    if not values:
        return ""
    left, bottom, top = 56, 24, 20
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = (width - left - 8) / max(1, len(values) - 1)
    points = " ".join(
        f"{left + i * step:.1f},"
        f"{top + (high - v) / span * (height - top - bottom):.1f}"
        for i, v in enumerate(values)
    )
    labels = (
        (left, 14, "start", title),
        (left - 6, top + 4, "end", f"{high:.4g}"),
        (left - 6, height - bottom, "end", f"{low:.4g}"),
        (left, height - 6, "start", "1"),
        (width - 8, height - 6, "end", str(len(values))),
    )
    texts = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>'
        for x, y, anchor, text in labels
    )
    return (
        f'<svg width="{width}" height="{height}" font-size="11" '
        f'font-family="sans-serif" fill="currentColor">{texts}'
        f'<polyline points="{points}" fill="none" stroke="#3b7ddd" '
        f'stroke-width="1.5"/></svg>'
    )
