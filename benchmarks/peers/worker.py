"""One run in a process of its own: ``python -m benchmarks.peers.worker``, request on stdin.

The process imports, makes the instance, solves a small one of the same kind so that code is loaded
and compiled, and says ``ready``; only then the clock starts. It says ``solved`` when the engine
returns and then verifies. Each message is one line of JSON on stdout; whatever a library prints
goes to stderr.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import engines
from benchmarks.peers.instances import (
    DUE,
    FLEXIBLE,
    FLOW,
    OPEN,
    PROJECT,
    SHOP,
    SINGLE,
    instance,
)

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.verify import verify
from makespan.generators import (
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_job_shop,
    random_open_shop,
    random_rcpsp,
    random_single_machine,
    taillard_flow_shop,
)

TINY = {
    SHOP: lambda: random_job_shop(10, 8, seed=1),
    FLEXIBLE: lambda: random_flexible_job_shop(8, 6, seed=1),
    PROJECT: lambda: random_rcpsp(30, seed=1, strength=0.2, factor=0.75),
    FLOW: lambda: taillard_flow_shop(12, 5, time_seed=1),
    OPEN: lambda: random_open_shop(6, 6, seed=1),
    DUE: lambda: random_due_date_job_shop(10, 5, seed=1),
    SINGLE: lambda: random_single_machine(20, seed=1),
}
"""Small enough to solve in no time, large enough that an engine gets as far as searching."""


def warm_up(engine: str, kind: str, seconds: float) -> None:
    """Solve the small instance, and with makespan also by the searches ``auto`` may start."""
    problem = TINY[kind]()
    wanted = [engine]
    if engine in (engines.OURS, "auto"):
        wanted = ["dispatch", "local", engine]
    for name in wanted:
        began = time.perf_counter()
        call = engines.prepare(name, problem)
        call(seconds, 1, 0, partial(_since, began))


def _since(began: float) -> float:
    return time.perf_counter() - began


def measure(request: dict[str, Any], say: Any) -> None:
    """Carry out the request, saying how far it is."""
    warm_up(request["engine"], request["kind"], request["warm_up"])
    if "instance" not in request:
        say({"event": "warm"})
        return
    problem = instance(request["set"], request["instance"]).make()
    call = engines.prepare(request["engine"], problem)
    say({"event": "ready"})
    before = memory("VmRSS")
    began = time.perf_counter()
    answer = call(
        request["limit"],
        request["threads"],
        request["seed"],
        partial(_since, began),
    )
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {
        "seconds": round(seconds, 3),
        "memory": memory("VmHWM"),
        "memory_before": before,
        "bound": answer.bound,
        "history": [[round(t, 3), value] for t, value in answer.history],
        "message": answer.message,
    }
    say({"event": "solved"})
    say({"event": "result", **found, **checked(problem, answer.schedule, answer.bound)})


def checked(problem: Problem, schedule: Any, bound: int | None) -> dict[str, Any]:
    """Status and objective, both from the schedule and not from what an engine says of it."""
    sizes = {"tasks": problem.tasks.count, "resources": problem.resources.count}
    if schedule is None:
        return {"status": "none", "objective": None, "proven": False, **sizes}
    violations = verify(problem, schedule)
    if violations:
        sentence = violations[0].sentence
        return {
            "status": "invalid",
            "objective": None,
            "proven": False,
            "violation": sentence,
            **sizes,
        }
    value = evaluate(problem, schedule)[0]
    return {"status": "schedule", "objective": value, "proven": value == bound, **sizes}


def memory(field: str) -> float:
    """MiB of this process: ``VmRSS`` now or ``VmHWM`` at its highest."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith(field + ":"):
                return round(int(line.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def main() -> None:
    """Read the request, keep stdout for messages."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        private.write(json.dumps(message) + "\n")
        private.flush()

    measure(json.loads(sys.stdin.readline()), say)


if __name__ == "__main__":
    main()
