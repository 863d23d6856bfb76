"""How far simulations are from recorded runs of vLLM, in all that we know of: the published table.

For each run in ``MAKESPAN_DATA/serving/llmservingsim`` whose model and device are known:

- with a cost from published operators, nothing fitted to the run;
- fitted to its first half and judged on the second, and the other way round;
- the same without operators, from a generic shape;
- the same from the operators of another GPU (an A100).

Signed relative errors, simulated over real, less one. *Light* is the mean time to first token of
the requests that were scheduled as they were queued, among those that are judged. Simulated
figures, no timings: the machine does not matter. Runs that are not in the folder keep the rows that
they have; that of Qwen3-32B is in LLMServingSim's repository (bench/examples/RTXPRO6000) alone.

``--docs`` writes the tables into docs/serving-fidelity.md, with those of
``serving_fidelity_cpu.json`` and ``serving_vidur.json`` where these lie beside this script;
``--render`` does that from what was written before.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan import __version__
from makespan.serving.fidelity.fitting import as_served, fit_run
from makespan.serving.fidelity.naming import cost_of_run
from makespan.serving.fidelity.replay import FIGURES, METRICS, Replay
from makespan.serving.workloads import read_recorded_run

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parent / "docs" / "serving-fidelity.md"

RUNS: Final = {
    "RTX4090_Llama-3.1-8B": ("RTX-4090", "Llama-3.1-8B"),
    "RTXPRO6000_Llama-3.1-8B": ("RTX-PRO-6000", "Llama-3.1-8B"),
    "RTXPRO6000_Qwen3-32B": ("RTX-PRO-6000", "Qwen3-32B"),
    "RTXPRO6000_Qwen3-30B-A3B-Instruct-2507": ("RTX-PRO-6000", "Qwen3-30B-A3B"),
}
OTHER: Final = "A100-SXM-80GB"
PRIORS: Final = ("operators", "other GPU", "generic")
AT_ONCE: Final = 10**9
"""A request scheduled within a millisecond of being queued found room, ps."""


def judge(job: tuple[Path, str, str, str]) -> dict[str, Any]:
    """One fit, or none, and its errors on what it has not seen."""
    folder, name, prior, fitted = job
    run = read_recorded_run(folder / f"{name}_requests.jsonl")
    replay = Replay.of(run)
    device, shape = RUNS[name]
    own = cost_of_run(run, replay, shape=shape, device=device)
    cost = cost_of_run(run, replay, shape=shape, device=OTHER if prior == "other GPU" else device)
    assert own is not None
    assert cost is not None
    replay = replay.with_memory(own.kernels.device, own.kernels.shape, own.kernels.tp)
    half = replay.first_half
    found: dict[str, Any] = {"run": name, "prior": prior, "fitted": fitted}
    if fitted == "nothing":
        judged = half | ~half
        seen, record = replay.simulated(as_served(cost))
        found["calibration"] = cost.calibration.label
    else:
        chosen = half if fitted == "first half" else ~half
        judged = ~chosen
        fit = fit_run(replay, chosen, None if prior == "generic" else cost)
        seen, record = replay.simulated(fit.cost, fit.delay)
        found |= {
            "knots": list(fit.cost.knots),
            "factors": [round(f, 4) for f in fit.cost.factors],
            "per_context": round(fit.cost.per_context, 4),
            "per_pair": round(fit.cost.per_pair, 4),
            "chunked_ms": round(fit.cost.chunked / 1e9, 2),
            "delay_ms": round(fit.delay / 1e9, 2),
            "loss": round(fit.loss, 2),
            "replays": fit.replays,
        }
    errors = replay.errors(seen, judged)
    took = int(run.last_token.max() - run.queued.min())
    light = judged & (run.scheduled - run.queued < AT_ONCE)
    found |= {
        "requests": int(judged.sum()),
        "assumed": replay.assumed,
        "preemptions": int(record.preemptions.sum()),
        "errors": {key: round(value, 4) for key, value in errors.items()}
        | {"makespan": round(record.makespan / took - 1, 4)},
        "light_requests": int(light.sum()),
    }
    if light.sum() >= 20:
        ratio = seen.ttft[light].mean() / replay.real.ttft[light].mean()
        middle = np.median(seen.ttft[light] / replay.real.ttft[light])
        found["light"] = round(float(ratio) - 1, 4)
        found["light_median"] = round(float(middle) - 1, 4)
    return found


def jobs(folder: Path, runs: Iterable[str]) -> Iterator[tuple[Path, str, str, str]]:
    """What is compared."""
    for name in runs:
        yield folder, name, "operators", "nothing"
        for fitted in ("first half", "second half"):
            for prior in PRIORS:
                yield folder, name, prior, fitted


def cell(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:+.1f} %".replace("-", "−")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Errors as Markdown."""
    heads = ["run", "fitted to", *(f"{m.upper()} {f}" for m in METRICS for f in FIGURES), "light"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * 2 + "|---:" * (len(heads) - 2) + "|"]
    for row in rows:
        errors = [cell(row["errors"][f"{m}_{f}"]) for m in METRICS for f in FIGURES]
        words = [row["run"].split("-Instruct")[0].replace("_", ", "), row["fitted"], *errors]
        lines.append("| " + " | ".join([*words, cell(row.get("light"))]) + " |")
    return lines


def runs_tables(document: dict[str, Any]) -> list[str]:
    """Tables of the recorded runs."""
    rows = document["rows"]
    lines = []
    for prior, title in (
        ("operators", "Operators of the device and the model"),
        ("other GPU", f"Operators of another GPU ({OTHER})"),
        ("generic", "No operators, a generic shape"),
    ):
        lines += ["", f"**{title}**", "", *table([row for row in rows if row["prior"] == prior])]
    return lines


def cpu_table(document: dict[str, Any]) -> list[str]:
    """Table of a real vLLM on a CPU."""
    figures = ("mean", "p90", "p99")
    heads = ["load", "requests", *(f"{m.upper()} {f}" for m in METRICS for f in figures),
             "makespan", "preemptions, real and simulated"]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for name, one in document["loads"].items():
        errors = [cell(one["errors"][f"{m}_{f}"]) for m in METRICS for f in figures]
        counts = f"{one['measured']['preemptions']}, {one['simulated']['preemptions']}"
        words = [name, str(one["requests"]), *errors, cell(one["errors"]["makespan"]), counts]
        lines.append("| " + " | ".join(words) + " |")
    made = f"vLLM {document['vllm']}, {document['model']}, {document['machine']}"
    return [*lines, "", f"{made}; {document['date']}."]


def vidur_table(document: dict[str, Any]) -> list[str]:
    """Table of the comparison with Vidur."""
    keys = {"ttft_mean": "s", "ttft_p99": "s", "tpot_mean": "ms", "e2e_mean": "s"}
    heads = ["load", "simulator", "requests/s", "ratio",
             *(f"{key.replace('_', ' ').replace(key.split('_')[0], key.split('_')[0].upper())}, "
               f"{unit}" for key, unit in keys.items())]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * 2 + "|---:" * (len(heads) - 2) + "|"]
    for load, rows in document["loads"].items():
        ours = rows["makespan"]["requests_per_second"]
        for name, one in rows.items():
            found = one["latencies"]
            speed = one["requests_per_second"]
            values = [f"{found[k] * (1000 if u == 'ms' else 1):.3f}" for k, u in keys.items()]
            words = [load, name, f"{speed:,.0f}", f"{ours / speed:.0f}", *values]
            lines.append("| " + " | ".join(words) + " |")
    where = f"{document['requests']:,} requests at {document['load']} of the capacity, by CPU time"
    return [*lines, "", f"{where}; {document['machine']}; {document['date']}."]


SECTIONS: Final = {
    "runs": ("serving_fidelity.json", runs_tables),
    "cpu": ("serving_fidelity_cpu.json", cpu_table),
    "vidur": ("serving_vidur.json", vidur_table),
}
"""Marks in the page: file of figures, and what makes a table of them."""


def render(page: str) -> str:
    """The page with its tables made anew, where the files of figures are there."""
    for mark, (file, make) in SECTIONS.items():
        path = HERE / file
        if not path.is_file():
            continue
        begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        lines = make(json.loads(path.read_text("utf-8")))
        page = before + begin + "\n".join(["", *lines]).lstrip("\n") + "\n" + end + after
    return page


def main() -> None:
    """Compare all runs; write the JSON beside this script, and the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    default = os.environ.get("MAKESPAN_DATA") or HERE.parents[1] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=HERE / "serving_fidelity.json")
    parser.add_argument("--docs", action="store_true", help="write the page, too")
    parser.add_argument("--render", action="store_true", help="only that")
    given = parser.parse_args()
    if not given.render:
        folder = given.data / "serving" / "llmservingsim"
        there = [name for name in RUNS if (folder / f"{name}_requests.jsonl").is_file()]
        with ProcessPoolExecutor(given.workers) as pool:
            rows = list(pool.map(judge, jobs(folder, there)))
        if given.output.is_file():
            rows += [
                row
                for row in json.loads(given.output.read_text("utf-8"))["rows"]
                if row["run"] not in there
            ]
        rows.sort(key=lambda row: list(RUNS).index(row["run"]))
        document = {"makespan": __version__, "rows": rows}
        given.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        print("\n".join(runs_tables(document)))
    if given.docs or given.render:
        PAGE.write_text(render(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
