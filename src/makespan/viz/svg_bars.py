"""Bars of the static Gantt chart: runs, breaks, milestones, setups, blocked machines."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from makespan.core.vocabulary import BoolArray, IndexArray
from makespan.viz.markup import LIGHT, box, coord, escaped, short_name, text_width
from makespan.viz.palette import INKS, PALETTE, style_of
from makespan.viz.picture import Picture, Spans
from makespan.viz.timescale import unit_words

_TITLED_BARS: Final = 2000
"""Up to this many bars carry a tooltip; more would double the file for little."""


class Bars:
    """Draws bars at a scale and remembers which hatches it used.

    Parameters
    ----------
    left
        Pixel of the picture's start.
    scale
        Pixels per tick.
    """

    def __init__(
        self, picture: Picture, critical: BoolArray | None, left: float, scale: float
    ) -> None:
        self.picture, self.critical = picture, critical
        self.left, self.scale = left, scale
        self.hatches: set[tuple[int, str]] = set()
        self.titled = len(picture.bars) <= _TITLED_BARS
        self.rests: dict[int, list[tuple[int, int]]] = {}
        spans = picture.suspended
        for i, a, b in zip(
            spans.task.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True
        ):
            self.rests.setdefault(i, []).append((a, b))

    def x(self, time: float) -> float:
        """Pixel of a time."""
        return self.left + (time - self.picture.start) * self.scale

    def bars(self, tasks: IndexArray, top: float, height: float) -> list[str]:
        """One element per task of a row, in order of start; slivers are merged."""
        schedule = self.picture.schedule
        order = tasks[np.lexsort((tasks, schedule.end[tasks], schedule.start[tasks]))]
        parts = []
        last = -1.0
        for i in order.tolist():
            a, b = self.x(int(schedule.start[i])), self.x(int(schedule.end[i]))
            if b - last < 0.33 and b > a:
                continue
            last = b
            inside = f"<title>{escaped(self._describe(i))}</title>" if self.titled else ""
            drawn = self._stone(i, a, top, height) if a == b else self._bar(i, a, b, top, height)
            parts.append(f"<g>{inside}{drawn}</g>")
        return parts

    def decor(self, kind: str, spans: Spans, top: float, height: float) -> list[str]:
        """Setups as narrow grey boxes, blocked machines as hatched ones."""
        y, tall = top + height * 0.1, height * 0.8 - 1
        parts = []
        for i, a, b in zip(
            spans.task.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True
        ):
            x, wide = self.x(a), max(0.6, self.x(b) - self.x(a) - 0.8)
            if kind == "setup":
                parts.append(box(x, y + tall * 0.28, wide, tall * 0.44, "setup"))
                continue
            colour = PALETTE[self._style(i)[0]]
            self.hatches.add((1, colour))
            parts.append(
                _rect(x + 0.5, y + 0.5, wide, tall - 1, f"url(#mk-h1{colour[1:]})", colour)
            )
        return parts

    def _style(self, i: int) -> tuple[int, int]:
        return style_of(int(self.picture.problem.tasks.job[i]), i)

    def _strong(self, i: int) -> bool:
        return self.critical is not None and bool(self.critical[i])

    def _stone(self, i: int, x: float, top: float, height: float) -> str:
        """Diamond of a milestone."""
        r, y = min(7.0, height * 0.4), top + height / 2
        edge = f' class="mk-ink-s" stroke="{LIGHT["ink"]}"'
        edge += ' stroke-width="2"' if self._strong(i) else ""
        down, up = coord(r), coord(-r)
        return (
            f'<path d="M{coord(x)} {coord(y - r)}l{down} {down}l{up} {down}l{up} {up}z" '
            f'fill="{PALETTE[self._style(i)[0]]}"{edge}/>'
        )

    def _bar(self, i: int, a: float, b: float, top: float, height: float) -> str:
        colour, hatch = self._style(i)
        fill, ink = PALETTE[colour], INKS[colour]
        y, tall = top + height * 0.1, height * 0.8 - 1
        wide = max(0.4, b - a - (0.8 if b - a > 3 else 0))
        if i in self.rests:
            drawn = self._resting(i, y, tall, fill)
        else:
            drawn = _rect(a, y, wide, tall, fill)
            if hatch and wide > 6:
                self.hatches.add((hatch, ink))
                drawn += _rect(a, y, wide, tall, f"url(#mk-h{hatch}{ink[1:]})")
        if self._strong(i):
            inset = 1.0 if wide > 4 else 0.0
            edge = f'{LIGHT["ink"]}" class="mk-ink-s" stroke-width="2'
            drawn += _rect(a + inset, y + inset, wide - 2 * inset, tall - 2 * inset, "none", edge)
        return drawn + self._label(i, a, wide, y, tall, back=fill if hatch else "")

    def _label(self, i: int, a: float, wide: float, y: float, tall: float, *, back: str) -> str:
        name = self.picture.problem.tasks.names[i]
        size = 11.0 if tall >= 16 else 9.0
        shown = short_name(name, wide - 5, size)
        if not shown:
            return ""
        ground = ""
        if back:
            ground = _rect(
                a + 2, y + tall / 2 - size * 0.6, text_width(shown, size) + 2, size * 1.2, back
            )
        return (
            f'{ground}<text x="{coord(a + 3)}" y="{coord(y + tall / 2 + size * 0.36)}" '
            f'font-size="{coord(size)}" fill="{INKS[self._style(i)[0]]}">{escaped(shown)}</text>'
        )

    def _resting(self, i: int, y: float, tall: float, fill: str) -> str:
        """Full height while the task works, a thin bar in its breaks."""
        schedule = self.picture.schedule
        breaks = [edge for pair in self.rests[i] for edge in pair]
        edges = [int(schedule.start[i]), *breaks, int(schedule.end[i])]
        pieces = ""
        for k, (a, b) in enumerate(pairwise(edges)):
            low, high = (y + tall * 0.4, tall * 0.2) if k % 2 else (y, tall)
            if b > a:
                pieces += _rect(self.x(a), low, self.x(b) - self.x(a), high, fill)
        return pieces

    def _describe(self, i: int) -> str:
        problem, schedule = self.picture.problem, self.picture.schedule
        start, end = int(schedule.start[i]), int(schedule.end[i])
        text = f"{problem.tasks.names[i]}: {start}"
        if end > start:
            text += f" to {end} ({end - start} {unit_words(problem.time_unit)})"
        job = int(problem.tasks.job[i])
        return text if job < 0 else f"{text}, job {problem.jobs.names[job]}"


def _rect(x: float, y: float, width: float, height: float, fill: str, stroke: str = "") -> str:
    edge = f' stroke="{stroke}"' if stroke else ""
    return (
        f'<rect x="{coord(x)}" y="{coord(y)}" width="{coord(width)}" height="{coord(height)}" '
        f'fill="{fill}"{edge}/>'
    )
