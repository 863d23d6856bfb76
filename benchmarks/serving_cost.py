"""What kernels alone say of recorded runs of vLLM, and how much hangs on the host that is assumed.

For each run in ``MAKESPAN_DATA/serving/llmservingsim`` whose model and device are known by what it
states: the same requests, sent when their client sent them, through the simulator with published
operators. Signed relative errors of TTFT, TPOT and latency, simulated over real, less one, over all
requests, for each of two hosts. ``serving_fidelity.py`` has what is most likely, adding what steps
with part of a prompt took longer in these very runs; here nothing comes from the runs. Simulated
figures, no timings: the machine does not matter.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan import __version__
from makespan.serving.cost import Host
from makespan.serving.fidelity.naming import cost_of_run
from makespan.serving.fidelity.replay import Replay
from makespan.serving.workloads import read_recorded_run

HERE: Final = Path(__file__)
HOSTS: Final = (1e-3, 2e-3)
"""Seconds of the host per step: the default, and twice that."""


def compare(path: Path) -> dict[str, Any] | None:
    """Errors of one run, None if its model or its device is not known."""
    run = read_recorded_run(path)
    replay = Replay.of(run)
    took = int(run.last_token.max() - run.queued.min())
    judged = np.ones(replay.workload.count, dtype=np.bool_)
    found: dict[str, Any] = {
        "requests": replay.workload.count,
        "instances": replay.instances,
        "assumed": replay.assumed,
        "host_seconds": {},
    }
    for seconds in HOSTS:
        cost = cost_of_run(run, replay, path=str(path), host=Host(fixed=seconds))
        if cost is None:
            return None
        seen, record = replay.simulated(cost)
        errors = replay.errors(seen, judged) | {"makespan": record.makespan / took - 1}
        found["host_seconds"][f"{seconds:g}"] = {
            "calibration": cost.calibration.label,
            "preemptions": int(record.preemptions.sum()),
            "errors": {key: round(value, 4) for key, value in errors.items()},
        }
    return found


def main() -> None:
    """Compare all runs and write the JSON beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    default = os.environ.get("MAKESPAN_DATA") or HERE.parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--output", type=Path, default=HERE.with_suffix(".json"))
    given = parser.parse_args()
    runs = {}
    for path in sorted((given.data / "serving" / "llmservingsim").glob("*_requests.jsonl")):
        name = path.name.removesuffix("_requests.jsonl")
        if (found := compare(path)) is None:
            print(f"{name}: model or device not known")
            continue
        runs[name] = found
        for seconds, one in found["host_seconds"].items():
            print(f"{name}, host {seconds} s: {json.dumps(one['errors'])}")
    document = {"makespan": __version__, "runs": runs}
    given.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
