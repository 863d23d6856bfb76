"""Draw the numbers of ``million_tasks.py``: time and memory per task against the number of tasks.

Both axes of the time panel are logarithmic; a level line means cost in proportion to the size.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from makespan.viz.markup import DARK, FONT, LIGHT, coord, line
from makespan.viz.palette import PALETTE

WIDTH, HEIGHT = 960, 340
TOP, BOTTOM = 64, 46
PANELS = ((60, 450), (560, 920))
Point = tuple[float, float]


def label(x: float, y: float, words: str, role: str = "soft", anchor: str = "middle") -> str:
    """Text in a named colour of the scheme."""
    return (
        f'<text x="{coord(x)}" y="{coord(y)}" font-size="12" text-anchor="{anchor}" '
        f'fill="{LIGHT[role]}" class="mk-{role}">{words}</text>'
    )


def panel(
    sides: tuple[int, int],
    title: str,
    ticks: Sequence[tuple[float, str]],
    height: Callable[[float], float],
    series: dict[str, list[Point]],
) -> list[str]:
    """One chart: ticks of the vertical axis, a line with dots and a name per series."""
    left, right = sides
    sizes = sorted({x for points in series.values() for x, _ in points})
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def across(x: float) -> float:
        return left + 20 + (right - left - 110) * (math.log10(x) - low) / max(high - low, 1e-9)

    parts = [label(left - 40, TOP - 22, title, "ink", "start")]
    for value, words in ticks:
        parts.append(line(left, height(value), right, height(value), "line"))
        parts.append(label(left - 6, height(value) + 4, words, "soft", "end"))
    powers = [10**k for k in range(math.ceil(low), math.floor(high) + 1)]
    parts += [label(across(x), HEIGHT - BOTTOM + 18, f"{x:,}") for x in powers]
    for colour, (name, points) in zip(PALETTE, series.items(), strict=False):
        path = "L".join(f"{coord(across(x))} {coord(height(y))}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in points:
            parts.append(
                f'<circle cx="{coord(across(x))}" cy="{coord(height(y))}" r="4" fill="{colour}">'
                f"<title>{name}, {round(x):,} tasks: {y:g}</title></circle>"
            )
        x, y = points[-1]
        parts.append(label(across(x) + 10, height(y) + 4, name, "ink", "start"))
    return parts


def picture(document: dict[str, object]) -> str:
    """The SVG text."""
    rows: list[dict[str, object]] = document["results"]  # type: ignore[assignment]

    def series(column: str) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {}
        for row in rows:
            point = float(str(row["tasks"])), float(str(row[column]))
            found.setdefault(str(row["family"]), []).append(point)
        return found

    times, sizes = series("cpu_us_per_task"), series("growth_bytes_per_task")
    span = HEIGHT - TOP - BOTTOM
    values = [y for points in times.values() for _, y in points]
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    most = 500 * math.ceil(max(y for points in sizes.values() for _, y in points) / 500)
    decades = [(10.0**k, f"{10.0**k:g}") for k in range(first, last + 1)]
    steps = [(float(v), f"{v:,}") for v in range(0, most + 1, 500)]
    dark = "".join(f".mk-{k}{{fill:{v}}}.mk-{k}-s{{stroke:{v}}}" for k, v in DARK.items())
    said = "Processor time and memory per task, from reading the text file to the written schedule"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" '
        f'font-family="{FONT}">'
    )
    return "\n".join(
        [
            head,
            f"<style>@media (prefers-color-scheme: dark){{{dark}}}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{LIGHT["ground"]}" class="mk-ground"/>',
            label(20, 24, said, "ink", "start"),
            *panel(
                PANELS[0],
                "microseconds per task",
                decades,
                lambda y: TOP + span * (last - math.log10(y)) / (last - first),
                times,
            ),
            *panel(
                PANELS[1],
                "bytes per task",
                steps,
                lambda y: TOP + span * (1 - y / most),
                sizes,
            ),
            *(label((a + b - 70) / 2, HEIGHT - 8, "tasks") for a, b in PANELS),
            "</svg>\n",
        ]
    )


def table(document: dict[str, object]) -> str:
    """The table of the documentation's page, in Markdown."""
    rows: list[dict[str, object]] = document["results"]  # type: ignore[assignment]
    lines = [
        "| | tasks | read | dispatch | verify | write | total | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        stages: dict[str, dict[str, float]] = row["stages"]  # type: ignore[assignment]
        seconds = [*(stage["wall_s"] for stage in stages.values()), float(str(row["total_wall_s"]))]
        cells = " | ".join(f"{s:.3g} s" for s in seconds)
        size = f"{int(str(row['tasks'])):,}"
        lines.append(f"| {row['family']} | {size} | {cells} | {row['peak_mib']} MiB |")
    return "\n".join(lines)


def main() -> None:
    """Read the raw numbers, write the picture, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="JSON file of million_tasks.py")
    parser.add_argument("target", type=Path, help="SVG file to write")
    options = parser.parse_args()
    document = json.loads(options.source.read_text(encoding="utf-8"))
    options.target.write_text(picture(document), encoding="utf-8")
    print(table(document))


if __name__ == "__main__":
    main()
