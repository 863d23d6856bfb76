"""Line charts as SVG elements of the page; colours are the page's, light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from statistics import median

from benchmarks.peers.scores import Group, gap_over_time, profile, sample_times, share_within

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 26, 16, 42
Line = tuple[str, int, list[tuple[float, float]]]
"""Engine, number of its colour, points."""

Tick = tuple[float, str]


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= value * (1 - 1e-9))


def percent_ticks(top: float, parts: int = 4) -> list[Tick]:
    """Ticks from 0 to ``top``, a share, in percent."""
    return [(top * k / parts, f"{100 * top * k / parts:.4g} %") for k in range(parts + 1)]


def chart(
    lines: Sequence[Line],
    *,
    across: Callable[[float], float],
    x_ticks: Sequence[Tick],
    y_ticks: Sequence[Tick],
    x_title: str,
    label: str,
) -> str:
    """A chart of step lines.

    Parameters
    ----------
    across
        Share 0 .. 1 of the width at which a value of x lies.
    y_ticks
        From the bottom to the top; what is above the last is cut off.
    """
    bottom, top = y_ticks[0][0], y_ticks[-1][0]
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + inner_width * min(max(across(value), 0.0), 1.0)

    def y(value: float) -> float:
        share = (min(max(value, bottom), top) - bottom) / (top - bottom)
        return TOP + inner_height * (1 - share)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for value, words in y_ticks:
        level = y(value)
        parts.append(f'<path class="grid" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{level + 4:.1f}" class="end">{words}</text>')
    for value, words in x_ticks:
        at, low = x(value), HEIGHT - BOTTOM
        parts.append(f'<path class="grid" d="M{at:.1f} {low}v4"/>')
        parts.append(f'<text x="{at:.1f}" y="{low + 17}" class="mid">{words}</text>')
    middle = LEFT + inner_width / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" class="mid">{escape(x_title)}</text>')
    for engine, colour, points in reversed(lines):  # the first lies on top
        if points:
            parts.append(
                f'<path class="line c{colour}" d="{_steps(points, x, y)}">'
                f"<title>{escape(engine)}</title></path>"
            )
    return "".join([*parts, "</svg>"])


def _steps(
    points: Sequence[tuple[float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> str:
    """Path that keeps each value until the next point; points that change nothing are left out."""
    first, *rest = points
    level = f"{y(first[1]):.1f}"
    path = [f"M{x(first[0]):.1f} {level}"]
    for at, value in rest:
        now = f"{y(value):.1f}"
        if now != level:
            path.append(f"H{x(at):.1f}V{now}")
            level = now
    path.append(f"H{x(points[-1][0]):.1f}")
    return "".join(path)


def gap_chart(group: Group, colours: dict[str, int]) -> str:
    """Mean gap to the reference against time."""
    times = sample_times(group.limit)
    lines = [(e, colours[e], gap_over_time(group, e, times)) for e in group.engines]
    # The scale serves what most engines have left after a tenth of the time; what is above it,
    # the beginning and engines far behind, runs along the top.
    late = [next(v for t, v in points if t >= group.limit / 10) for _, _, points in lines if points]
    top = nice_ceiling(1.5 * median(late)) if late else 1.0
    top = min(top, 1.0)
    low, high = math.log(times[0]), math.log(times[-1])
    powers = range(math.ceil(math.log10(times[0]) - 1e-9), math.floor(math.log10(group.limit)) + 1)
    ticks = [(10.0**k, f"{10.0**k:g} s") for k in powers]
    if group.limit > 1.7 * ticks[-1][0]:
        ticks.append((group.limit, f"{group.limit:g} s"))
    return chart(
        lines,
        across=lambda t: (math.log(t) - low) / (high - low),
        x_ticks=ticks,
        y_ticks=percent_ticks(top),
        x_title="wall time, logarithmic",
        label=f"Mean gap against time, {group.set_name}",
    )


def profile_chart(group: Group, colours: dict[str, int]) -> str:
    """Share of cases within a distance of the best value of any engine."""
    ratios = profile(group)
    finite = sorted(r for found in ratios.values() for r in found if r < math.inf)
    worst = finite[int(0.98 * (len(finite) - 1))] if finite else 1.0
    reach = nice_ceiling(max(worst - 1, 0.001))
    lines = []
    for engine in group.engines:
        found = ratios[engine]
        within = sorted({1.0, *(r for r in found if r <= 1 + reach), 1 + reach})
        lines.append((engine, colours[engine], [(r - 1, share_within(found, r)) for r in within]))
    return chart(
        lines,
        across=lambda d: d / reach,
        x_ticks=percent_ticks(reach),
        y_ticks=percent_ticks(1.0),
        x_title="distance to the best value of any engine",
        label=f"Performance profile, {group.set_name}",
    )
