"""Static Gantt chart as SVG, for notebooks, README files and print.

Follows the reader's light or dark scheme where the viewer honours media queries; every colour is
also a presentation attribute, so that plain renderers show the light one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, BoolArray, IndexArray, ResourceKind
from makespan.viz._arguments import plan_of
from makespan.viz.markup import (
    DARK,
    FONT,
    LIGHT,
    box,
    clip,
    coord,
    escaped,
    hatch_pattern,
    line,
    text_width,
)
from makespan.viz.palette import PALETTE
from makespan.viz.picture import Picture, Steps, consumed, picture_of
from makespan.viz.svg_bars import Bars
from makespan.viz.timescale import axis_ticks, date_of, number, unit_words


def write_svg(
    problem: Problem,
    schedule: Schedule | Result,
    path: str | Path,
    *,
    title: str | None = None,
    critical: BoolArray | None = None,
    width: int = 960,
) -> None:
    """Write the chart of :func:`gantt_svg` to ``path`` (UTF-8, same input, same bytes)."""
    text = gantt_svg(problem, schedule, title=title, critical=critical, width=width)
    Path(path).write_bytes(text.encode("utf-8"))


def gantt_svg(
    problem: Problem,
    schedule: Schedule | Result,
    *,
    title: str | None = None,
    critical: BoolArray | None = None,
    width: int = 960,
) -> str:
    """Static SVG Gantt chart, readable from ten to some hundred tasks.

    Machines are one row each; renewables show usage against capacity and their tasks in packed
    lanes; reservoirs show their level. Bars thinner than a third of a pixel are merged, so that
    large plans give a picture of bounded size.

    Parameters
    ----------
    title
        Heading; default is the problem's name, '' leaves it out.
    critical
        Critical tasks, bool (n,), drawn with a strong outline.
    width
        Pixels.

    Raises
    ------
    OptionError
        If the result holds no schedule, or the arrays do not fit the problem.
    """
    plan, _ = plan_of(problem, schedule, critical=critical)
    heading = problem.name if title is None else title
    return _Sheet(picture_of(problem, plan), heading, critical, max(320, width)).text()


@dataclass
class _Sheet:
    """One drawing under way; ``parts`` collects elements from top to bottom."""

    picture: Picture
    title: str
    critical: BoolArray | None
    width: int
    parts: list[str] = field(default_factory=list)
    y: float = 0.0
    left: float = 0.0
    ink: Bars = field(init=False)

    def text(self) -> str:
        picture = self.picture
        names = [*picture.problem.resources.names, "no resource"]
        widest = max((text_width(name, 12) for name in names), default=40)
        self.left = min(170.0, max(60.0, widest + 18))
        scale = (self.width - self.left - 14) / (picture.end - picture.start)
        self.ink = Bars(picture, self.critical, self.left, scale)
        self.y = 8.0
        if self.title:
            self.words(12, 24, self.title, size=15, extra=' font-weight="600"')
            self.y = 34.0
        top = self.y + 22
        self.y = top
        self.rows()
        bottom = self.y
        grid = self.axis(top, bottom)
        self.legend()
        height = self.y + 8
        summary = f"{picture.schedule.present.sum()} tasks, makespan {picture.schedule.makespan}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
            f'height="{coord(height)}" viewBox="0 0 {self.width} {coord(height)}" role="img" '
            f'aria-label="{escaped(f"Gantt chart of {self.title or picture.problem.name}")}" '
            f'font-family="{FONT}">\n<desc>{escaped(summary)}</desc>\n{self.style()}'
            f"{box(0, 0, self.width, height, 'ground')}\n"
            + "\n".join(grid + self.parts)
            + "\n</svg>\n"
        )

    def style(self) -> str:
        rules = []
        for name, colour in DARK.items():
            rules.append(f".mk-{name}{{fill:{colour}}}.mk-{name}-s{{stroke:{colour}}}")
        patterns = [
            hatch_pattern(kind, ink)
            for kind, ink in sorted(self.ink.hatches, key=lambda v: (v[0], v[1]))
        ]
        return (
            f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>\n"
            f"<defs>{''.join(patterns)}</defs>\n"
        )

    def x(self, time: float) -> float:
        return self.ink.x(time)

    def rows(self) -> None:
        resources = self.picture.problem.resources
        machines = int((resources.kind == ResourceKind.MACHINE).sum())
        tall = 26.0 if machines <= 30 else 16.0
        for kind in (
            ResourceKind.MACHINE,
            ResourceKind.RENEWABLE,
            ResourceKind.RESERVOIR,
            ResourceKind.CONSUMABLE,
        ):
            for r in np.flatnonzero(resources.kind == kind).tolist():
                if kind is ResourceKind.MACHINE:
                    self.machine(r, tall)
                elif kind is ResourceKind.RENEWABLE:
                    self.renewable(r)
                elif kind is ResourceKind.RESERVOIR:
                    self.reservoir(r)
                else:
                    self.consumable(r)
        self.loose()

    def row(self, label: str, height: float, note: str = "") -> None:
        """Label and rule of a row at the current place; the caller advances ``y``."""
        self.parts.append(line(0, self.y + height, self.width, self.y + height, "line"))
        if label:
            room = self.left - 14
            middle = self.y + (height / 2 + 4 if height <= 30 else 16)
            self.words(8, middle, clip(label, room, 12), size=12)
        if note:
            self.words(8, self.y + 29, clip(note, self.left - 14, 10), size=10, role="soft")

    def down(self, resource: int, height: float) -> None:
        calendar = int(self.picture.problem.resources.calendar[resource])
        if calendar < 0:
            return
        last = -1.0
        for a, b in self.picture.breaks[calendar].tolist():
            if self.x(b) - last < 0.4:
                continue
            self.parts.append(
                box(self.x(a), self.y, max(0.5, self.x(b) - self.x(a)), height, "down")
            )
            last = self.x(b)

    def machine(self, r: int, tall: float) -> None:
        picture = self.picture
        mine = picture.bars.resource == r
        lanes = int(picture.bar_lane[mine].max(initial=0)) + 1
        for lane in range(lanes):
            label = picture.problem.resources.names[r] if lane == 0 else ""
            self.down(r, tall)
            self.row(label, tall)
            chosen = np.flatnonzero(mine & (picture.bar_lane == lane))
            held = picture.bars.task[chosen]
            for kind, spans in (("setup", picture.setup), ("blocked", picture.blocked)):
                here = (spans.resource == r) & np.isin(spans.task, held)
                self.parts += self.ink.decor(kind, spans.where(here), self.y, tall)
            self.bars(held, tall)
            self.y += tall

    def renewable(self, r: int) -> None:
        picture = self.picture
        load, limit = picture.load[r], picture.limit[r]
        height = 42.0
        peak = max(1, int(load.value.max()), int(limit.value.max()))
        self.down(r, height)
        note = f"peak {number(int(load.value.max()))} of {number(int(limit.value.max()))}"
        self.row(picture.problem.resources.names[r], height, note)
        foot, unit = self.y + height - 1, (height - 6) / peak
        self.steps(load, foot, unit, 0)
        for a, b, low, high in _above(load, limit, picture.end):
            x = self.x(a)
            self.parts.append(
                box(x, foot - high * unit, self.x(b) - x, (high - low) * unit, "over")
            )
        self.contour(limit, foot, unit, 0)
        self.y += height
        mine = picture.bars.resource == r
        for lane in range(int(picture.bar_lane[mine].max(initial=-1)) + 1):
            chosen = np.flatnonzero(mine & (picture.bar_lane == lane))
            self.row("", 18)
            self.bars(picture.bars.task[chosen], 18)
            self.y += 18

    def reservoir(self, r: int) -> None:
        picture, resources = self.picture, self.picture.problem.resources
        level = picture.level[r]
        low, high = int(resources.minimum[r]), int(resources.capacity[r])
        bounds = [v for v in (low, high) if abs(v) < INFINITY]
        bottom = min([int(level.value.min()), *bounds])
        top = max([int(level.value.max()), *bounds, bottom + 1])
        height = 48.0
        upper = "∞" if high >= INFINITY else number(high)
        self.row(resources.names[r], height, f"level {number(low)} to {upper}")
        foot, unit = self.y + height - 4, (height - 10) / (top - bottom)
        self.steps(level, foot, unit, bottom)
        for a, b, value in zip(
            level.time.tolist(),
            [*level.time[1:].tolist(), picture.end],
            level.value.tolist(),
            strict=True,
        ):
            if b > a and not low <= value <= high:
                edges = sorted((value, low if value < low else high))
                x, y = self.x(a), foot - (edges[1] - bottom) * unit
                self.parts.append(box(x, y, self.x(b) - x, (edges[1] - edges[0]) * unit, "over"))
        self.contour(level, foot, unit, bottom)
        for bound in bounds:
            y = foot - (bound - bottom) * unit
            self.parts.append(
                line(self.left, y, self.width, y, "soft", extra=' stroke-dasharray="4 3"')
            )
        self.y += height

    def consumable(self, r: int) -> None:
        resources = self.picture.problem.resources
        used, full = consumed(self.picture, r), int(resources.capacity[r])
        self.row(resources.names[r], 24)
        share = used / full if full else float(used > 0)
        self.parts.append(box(self.left + 6, self.y + 8, 260, 8, "line"))
        role = "over" if share > 1 else "load"
        self.parts.append(box(self.left + 6, self.y + 8, 260 * min(1.0, share), 8, role))
        amount = f"{number(used)} of {number(full)} used"
        self.words(self.left + 274, self.y + 16, amount, size=11, role="soft")
        self.y += 24

    def loose(self) -> None:
        picture = self.picture
        for lane in range(int(picture.loose_lane.max(initial=-1)) + 1):
            self.row("no resource" if lane == 0 else "", 22)
            self.bars(picture.loose[picture.loose_lane == lane], 22)
            self.y += 22

    def bars(self, tasks: IndexArray, height: float) -> None:
        self.parts += self.ink.bars(tasks, self.y, height)

    def steps(self, steps: Steps, foot: float, unit: float, zero: int) -> None:
        """Filled area of a step function above ``zero``."""
        ends = np.append(steps.time[1:], self.picture.end)
        path = [f"M{coord(self.x(int(steps.time[0])))} {coord(foot)}"]
        for time, end, value in zip(
            steps.time.tolist(), ends.tolist(), steps.value.tolist(), strict=True
        ):
            y = foot - (value - zero) * unit
            path.append(
                f"L{coord(self.x(time))} {coord(y)}L{coord(self.x(max(time, end)))} {coord(y)}"
            )
        path.append(f"L{coord(self.x(self.picture.end))} {coord(foot)}z")
        colour = LIGHT["load"]
        self.parts.append(f'<path d="{"".join(path)}" fill="{colour}" class="mk-load"/>')

    def contour(self, steps: Steps, foot: float, unit: float, zero: int) -> None:
        """Line along a step function up to the right edge."""
        path = ""
        for k, (time, value) in enumerate(
            zip(steps.time.tolist(), steps.value.tolist(), strict=True)
        ):
            if time > self.picture.end:
                break
            y = coord(foot - (value - zero) * unit)
            path += f"{'L' if k else 'M'}{coord(self.x(time))} {y}"
            later = int(steps.time[k + 1]) if k + 1 < len(steps.time) else self.picture.end
            path += f"L{coord(self.x(min(later, self.picture.end)))} {y}"
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{LIGHT["ink"]}" class="mk-ink-s" '
            'stroke-width="1.4"/>'
        )

    def axis(self, top: float, bottom: float) -> list[str]:
        """Grid lines (to go below everything) and, on top, tick texts and the makespan."""
        picture = self.picture
        grid = []
        for tick in axis_ticks(picture.start, picture.end, max(2, (self.width - 100) // 90)):
            x = self.x(tick)
            grid.append(line(x, top, x, bottom, "line"))
            label = number(tick)
            half = text_width(label, 11) / 2
            at = min(max(x, self.left + half), self.width - half - 2)
            self.words(at, top - 7, label, size=11, anchor="middle", role="soft")
        axis = unit_words(picture.problem.time_unit)
        self.words(8, top - 7, clip(axis, self.left - 14, 11), size=11, role="soft")
        end = self.x(picture.schedule.makespan)
        self.parts.append(
            line(end, top, end, bottom, "ink", extra=' stroke-dasharray="6 4" stroke-width="1.4"')
        )
        label = f"makespan {number(picture.schedule.makespan)}"
        date = date_of(picture.problem, picture.schedule.makespan)
        if date is not None:
            label += f" ({date:%Y-%m-%d %H:%M})"
        self.words(
            min(end, self.width - 4),
            bottom + 14,
            label,
            size=11,
            anchor="end",
            extra=' font-weight="600"',
        )
        self.y = bottom + 20
        return grid

    def legend(self) -> None:
        jobs = self.picture.problem.jobs
        if not jobs.count:
            return
        x, y = self.left, self.y + 6
        shown = min(jobs.count, len(PALETTE))
        for j in range(shown + (jobs.count > shown)):
            label = jobs.names[j] if j < shown else f"and {number(jobs.count - shown)} more jobs"
            label = clip(label, 130, 11)
            if x + 24 + text_width(label, 11) > self.width - 8 and x > self.left:
                x, y = self.left, y + 18
            if j < shown:
                self.parts.append(
                    f'<rect x="{coord(x)}" y="{coord(y)}" width="16" height="10" '
                    f'fill="{PALETTE[j % len(PALETTE)]}"/>'
                )
            self.words(x + (22 if j < shown else 0), y + 9, label, size=11)
            x += 36 + text_width(label, 11)
        self.y = y + 14

    def words(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        role: str = "ink",
        anchor: str = "",
        extra: str = "",
    ) -> None:
        place = f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(
            f'<text x="{coord(x)}" y="{coord(y)}" font-size="{coord(size)}" fill="{LIGHT[role]}" '
            f'class="mk-{role}"{place}{extra}>{escaped(text)}</text>'
        )


def _above(load: Steps, limit: Steps, end: int) -> list[tuple[int, int, int, int]]:
    """Intervals in which ``load`` exceeds ``limit``: (from, to, limit, load)."""
    times = np.unique(np.concatenate((load.time, limit.time, [end])))
    times = times[times <= end]
    used = load.value[np.searchsorted(load.time, times, side="right") - 1]
    room = limit.value[np.searchsorted(limit.time, times, side="right") - 1]
    return [
        (int(times[k]), int(times[k + 1]), int(room[k]), int(used[k]))
        for k in np.flatnonzero(used[:-1] > room[:-1]).tolist()
    ]
