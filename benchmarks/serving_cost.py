"""How far operator costs, fitted to kernels alone, are from recorded runs of vLLM.

For each run in ``MAKESPAN_DATA/serving/llmservingsim`` whose model and device are known: the same
requests, sent when vLLM queued them, through the simulator with an ``OperatorCost``. Signed
relative errors of TTFT, TPOT and latency (simulated over real, less one), over all requests and
with nothing fitted to the runs. Simulated figures, no timings: the machine does not matter.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from makespan import __version__
from makespan.serving.cost import Host, OperatorCost
from makespan.serving.fidelity.replay import Replay
from makespan.serving.workloads import read_recorded_run

RUNS = {
    "RTX4090_Llama-3.1-8B": ("RTX-4090", "Llama-3.1-8B"),
    "RTXPRO6000_Llama-3.1-8B": ("RTX-PRO-6000", "Llama-3.1-8B"),
    "RTXPRO6000_Qwen3-30B-A3B-Instruct-2507": ("RTX-PRO-6000", "Qwen3-30B-A3B"),
}


def compare(folder: Path, name: str, host: float) -> dict[str, object]:
    """Errors of one run."""
    device, shape = RUNS[name]
    run = read_recorded_run(folder / f"{name}_requests.jsonl")
    replay = Replay.of(run)
    peers = replay.instances if replay.expert_parallel else 1
    cost = OperatorCost.of(
        device, shape, host=Host(fixed=host), expert_parallel=replay.expert_parallel, peers=peers
    )
    found, record = replay.simulated(cost)
    took = int(run.last_token.max() - run.queued.min())
    errors = replay.errors(found, np.ones(replay.workload.count, dtype=bool))
    return {
        "calibration": cost.calibration.label,
        "requests": replay.workload.count,
        "instances": replay.instances,
        "assumed": replay.assumed,
        "preemptions": int(record.preemptions.sum()),
        "errors": {key: round(value, 4) for key, value in errors.items()}
        | {"makespan": round(record.makespan / took - 1, 4)},
    }


def main() -> None:
    """Compare all runs and write the JSON beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    here = Path(__file__)
    default = os.environ.get("MAKESPAN_DATA") or here.parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--host", type=float, default=1e-3, help="seconds of the host per step")
    parser.add_argument("--out", type=Path, default=here.with_suffix(".json"))
    given = parser.parse_args()
    folder = given.data / "serving" / "llmservingsim"
    found = {name: compare(folder, name, given.host) for name in RUNS}
    document = {"makespan": __version__, "host_seconds": given.host, "runs": found}
    given.out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for name, result in found.items():
        print(name, json.dumps(result["errors"]))


if __name__ == "__main__":
    main()
