"""What all pages of this package share: heading, colours, numbers, how a page is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from makespan.viz.markup import DARK, LIGHT, escaped
from makespan.viz.page import asset, joined_script, page
from makespan.viz.payload import script_json

_PACKAGE: Final = "makespan.serving.report"

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of series in their order: those of the palette that stand out on both grounds. Dashes tell apart
what comes after."""


def assembled(
    name: str,
    *,
    title: str,
    facts: Iterable[tuple[str, str]],
    notes: Iterable[str],
    data: Mapping[str, Any],
    parts: Mapping[str, str],
) -> str:
    """One self-contained page.

    Parameters
    ----------
    name
        Of the body (``name.html``) and of the script that draws ``data`` (``name.js``).
    title, facts, notes
        Heading, pairs of label and value below it, and sentences at the foot; any text.
    parts
        What the body has placeholders for, safe in HTML.
    """
    pairs = (f"<div><dt>{escaped(a)}</dt><dd>{escaped(b)}</dd></div>" for a, b in facts)
    filled = {
        **parts,
        "title": escaped(title),
        "facts": "".join(pairs),
        "notes": "".join(f"<p>{escaped(text)}</p>" for text in notes),
        "data": script_json(data),
    }
    template = asset(_PACKAGE, "page.html").replace("@@body@@", asset(_PACKAGE, f"{name}.html"))
    style = _scheme() + asset(_PACKAGE, "report.css")
    script = joined_script(_PACKAGE, "charts.js", "shown.js", f"{name}.js")
    return page(template, style, script, filled)


def figure(value: float) -> str:
    """Four digits, or a dash for none."""
    if value != value:
        return "–"
    return f"{value:,.0f}" if value >= 999.95 else f"{value:#.4g}"


def _scheme() -> str:
    def variables(colours: Mapping[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in colours.items())

    return (
        f":root{{color-scheme:light dark;{variables(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
    )
