"""How fast the interactive Gantt page is: size, time to write, first paint, frames while panning.

Random job shops of 10 to 100,000 tasks; Chromium without a graphics card (worst case: the
processor paints every pixel) in a window of 1400 x 800. Prints JSON::

    python benchmarks/gantt_page.py > benchmarks/gantt_page.json
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.viz.plans import job_shop

from makespan.viz import write_gantt, write_perfetto, write_svg

SIZES = ((5, 2), (30, 10), (200, 50), (1000, 100))
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
PAN = """async () => {
    const g = window.gantt, draw = [], gap = [];
    g.zoom(1.2);
    let before = performance.now();
    for (let k = 0; k < 60; k++) {
        g.pan(k % 20 < 10 ? 23 : -23);
        const now = await new Promise((done) => requestAnimationFrame(done));
        draw.push(Number(g.canvas.dataset.frame));
        gap.push(now - before);
        before = now;
    }
    const sorted = (list) => list.slice(5).sort((a, b) => a - b);
    const at = (list, share) => list[Math.floor((list.length - 1) * share)];
    const d = sorted(draw), p = sorted(gap);
    return { draw_median_ms: at(d, 0.5), draw_p95_ms: at(d, 0.95),
             interval_median_ms: at(p, 0.5), interval_p95_ms: at(p, 0.95) };
}"""


def timed(action: Any, repeats: int = 3) -> float:
    """Least wall time of some runs, seconds."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - began)
    return round(best, 4)


def measure(browser: Any, folder: Path, jobs: int, machines: int) -> dict[str, Any]:
    """All numbers of one plan."""
    problem, schedule = job_shop(jobs, machines)
    path = folder / "plan.html"
    row: dict[str, Any] = {"tasks": jobs * machines}
    row["write_html_s"] = timed(lambda: write_gantt(problem, schedule, path))
    row["html_bytes"] = path.stat().st_size
    row["write_svg_s"] = timed(lambda: write_svg(problem, schedule, folder / "plan.svg"), 1)
    row["svg_bytes"] = (folder / "plan.svg").stat().st_size
    row["write_perfetto_s"] = timed(
        lambda: write_perfetto((problem, schedule), folder / "plan.json"), 1
    )
    row["perfetto_bytes"] = (folder / "plan.json").stat().st_size
    paints, pans = [], []
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.goto(path.as_uri())
        paints.append(page.evaluate("performance.getEntriesByName('gantt-painted')[0].startTime"))
        pans.append(page.evaluate(PAN))
        heap = page.evaluate("performance.memory ? performance.memory.usedJSHeapSize : 0")
        page.close()
    # The best of five, since other programs share the processor; the others only add to it.
    row["first_paint_ms"] = round(min(paints), 1)
    panning = min(pans, key=lambda pan: pan["draw_median_ms"])
    row |= {name: round(value, 2) for name, value in panning.items()}
    row["heap_bytes"] = heap
    return row


def main() -> None:
    """Measure every size and print one JSON document."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        rows = [measure(browser, Path(folder), *size) for size in SIZES]
        document = {
            "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "chromium": browser.version,
            "load_average": round(os.getloadavg()[0], 1),
            "rows": rows,
        }
        browser.close()
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
