"""Safe text and small shapes for HTML and SVG."""

from __future__ import annotations

import html
import re
from typing import Final

from makespan.viz.palette import HATCHES, PALETTE

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
LIGHT: Final = {
    "ground": "#ffffff",
    "ink": "#16202b",
    "soft": "#5a6775",
    "line": "#e1e6ea",
    "down": "#dfe3e8",
    "load": "#a9c3dc",
    "over": "#c1272d",
    "setup": "#7b8794",
}
DARK: Final = {
    "ground": "#14181d",
    "ink": "#eef2f6",
    "soft": "#a3afbb",
    "line": "#29313a",
    "down": "#323b45",
    "load": "#3f6488",
    "over": "#ff6b6b",
    "setup": "#8d99a6",
}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def coord(value: float) -> str:
    """Coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def box(x: float, y: float, width: float, height: float, role: str) -> str:
    """Filled rectangle in a named colour of the scheme."""
    return (
        f'<rect x="{coord(x)}" y="{coord(y)}" width="{coord(width)}" height="{coord(height)}" '
        f'fill="{LIGHT[role]}" class="mk-{role}"/>'
    )


def line(x0: float, y0: float, x1: float, y1: float, role: str, extra: str = "") -> str:
    """Straight line in a named colour of the scheme."""
    return (
        f'<path d="M{coord(x0)} {coord(y0)}L{coord(x1)} {coord(y1)}" stroke="{LIGHT[role]}" '
        f'class="mk-{role}-s"{extra}/>'
    )


def hatch_pattern(kind: int, ink: str) -> str:
    """Hatch tile; the same kinds as on the interactive chart."""
    if not 0 < kind < HATCHES:
        return ""
    lines = {
        1: "M-1 8L8 -1M-1 1L1 -1M6 8L8 6",
        2: "M-1 -1L8 8M6 -1L8 1M-1 6L1 8",
        3: "",
        4: "M0 3.5L7 3.5",
        5: "M-1 8L8 -1M-1 -1L8 8",
    }[kind]
    mark = (
        f'<circle cx="3.5" cy="3.5" r="1.5" fill="{ink}"/>'
        if kind == 3
        else f'<path d="{lines}" stroke="{ink}" stroke-width="1.3"/>'
    )
    opacity = "" if ink in PALETTE else ' opacity="0.42"'
    return (
        f'<pattern id="mk-h{kind}{ink[1:]}" width="7" height="7" '
        f'patternUnits="userSpaceOnUse"><g{opacity}>{mark}</g></pattern>'
    )


def text_width(text: str, size: float) -> float:
    """Estimated width in pixels; wide scripts take an em, the rest errs on the wide side."""
    return (
        sum(1.0 if ord(c) > 0x2E7F else 0.42 if c in "il.,:;|!'jtfr I" else 0.6 for c in text)
        * size
    )


def clip(text: str, room: float, size: float) -> str:
    """Text shortened with an ellipsis to an estimated width."""
    if text_width(text, size) <= room:
        return text
    keep = len(text) - 1
    while keep > 0 and text_width(text[:keep] + "…", size) > room:
        keep -= 1
    return text[:keep] + "…" if keep else ""


def short_name(name: str, room: float, size: float) -> str:
    """A name, or enough of it to know the task by, or '' if there is no room for that.

    Names like "activity 12" end in the only number they hold; that number says most.
    """
    if text_width(name, size) <= room:
        return name
    tail = re.fullmatch(r"\D+?[\s_-]?(\d+)", name)
    shown = f"…{tail[1]}" if tail else clip(name, room, size)
    fits = text_width(shown, size) <= room
    return shown if fits and len(shown) >= (2 if tail else 7) else ""


def escaped(text: str) -> str:
    """Text safe in HTML and XML content and quoted attributes; control characters replaced."""
    return html.escape(_CONTROL.sub("\ufffd", text), quote=True)
