"""What hooks cost: requests per second of the serving engines under a policy that overrides all.

The load and the sixteen engines of ``serving_engine.py``. Every hook is Python and does next to
nothing, so that the difference to the plain policy is the price of asking. ``time-varying`` is
asked at every step while a request waits. CPU time without making the load.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Sequence
from pathlib import Path

from serving_engine import COST, ENGINES, RATES, SEED, SETTINGS, load

from makespan import __version__
from makespan.claims.running import describe_machine
from makespan.serving.engine.fleet import Fleet
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import Workload


class EveryHook(Policy):
    """All hooks, each with the answer of the default; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """The queue as it is."""
        self.asked += 1
        return waiting

    def admit(self, request: int, engine: EngineView) -> bool:
        """Yes."""
        self.asked += 1
        return True

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """Nobody."""
        self.asked += 1
        return ()

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """Nobody."""
        self.asked += 1
        return ()

    def token_budget(self, engine: EngineView) -> int:
        """All there are."""
        self.asked += 1
        return engine.max_num_batched_tokens

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """The last."""
        self.asked += 1
        return running[-1]

    def retain(self, request: int, engine: EngineView) -> int | None:
        """Not at all."""
        self.asked += 1
        return None

    def unpin(self, pinned: Sequence[int], request: int, engine: EngineView) -> int | None:
        """The first."""
        self.asked += 1
        return pinned[0]

    def wake(self, engine: EngineView) -> int | None:
        """Never."""
        self.asked += 1
        return None

    def arrived(self, request: int, engine: EngineView) -> None:
        """Noted."""
        self.asked += 1

    def finished(self, request: int, engine: EngineView) -> None:
        """Noted."""
        self.asked += 1


class TimeVarying(EveryHook):
    """The same, asked at every step while a request waits."""

    time_varying = True


POLICIES = {"none": Policy, "every hook": EveryHook, "time-varying": TimeVarying}


def measure(workload: Workload, name: str) -> dict[str, float]:
    """CPU seconds of one run, and what follows from them."""
    made: list[Policy] = []

    def policy() -> Policy:
        made.append(POLICIES[name]())
        return made[-1]

    fleet = Fleet(workload, [SETTINGS] * ENGINES, [COST] * ENGINES, policy=policy)
    gc.collect()
    gc.freeze()
    began = time.process_time()
    fleet.run()
    seconds = time.process_time() - began
    gc.unfreeze()
    asked = sum(one.asked for one in made if isinstance(one, EveryHook))
    return {
        "requests": workload.count,
        "seconds": round(seconds, 3),
        "requests_per_second": round(workload.count / seconds),
        "hooks_per_request": round(asked / workload.count, 2),
    }


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    runs = []
    for share, rate in RATES.items():
        workload = load(given.requests, rate)
        for name in POLICIES:
            run = measure(workload, name)
            print(f"load {share}, {name}: {run}", flush=True)
            runs.append({"load": share, "hooks": name, **run})
    document = {"makespan": __version__, "machine": describe_machine(), "seed": SEED, "runs": runs}
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
