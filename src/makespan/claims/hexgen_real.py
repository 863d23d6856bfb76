"""HexGen-Text2SQL on two real vLLM engines of different speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.real_engine import unmeasured

if TYPE_CHECKING:
    from makespan.claims.sql_workflow import Asked
    from makespan.serving.policies.hexgen.profile import Profile
    from makespan.serving.policy import Policy, Router
    from makespan.serving.vllm.fleet_run import FleetRun
    from makespan.serving.workload import Workload

SLOWDOWN: Final = 2.0
"""How many times as long each step of the second engine takes."""

OVERLOAD: Final = 1.2
"""Rate of questions, in those that the fast engine alone answers at once."""

SCALE: Final = 2.0
"""Deadline of a question, in its expected service time."""

FACTOR: Final = 1.2

_QUESTIONS, _FEW = 45, 9
_LIMIT: Final = 300.0


@dataclass(frozen=True)
class ByUrgency:
    """Makes the policy of an engine in its process."""

    workload: Workload
    profile: Profile

    def __call__(self) -> Policy:
        """The policy."""
        from makespan.serving.policies.hexgen.budget import Budgets
        from makespan.serving.policies.hexgen.urgency import Urgency
        from makespan.serving.policies.hexgen.workflow import Workflow

        return Urgency(Budgets(self.workload, self.profile, Workflow.typical(self.workload)))


@dataclass(frozen=True, slots=True)
class Unscheduled:
    """What one engine said when it was asked one stage of all questions at a time.

    Attributes
    ----------
    seconds
        All of it took.
    prefill, decode
        Seconds per token of a prompt and of an output, of a call alone.
    """

    asked: list[Asked]
    seconds: float
    prefill: float
    decode: float


def unscheduled(model: Path, questions: int) -> Unscheduled:
    """Ask a real engine, executing what it says."""
    from makespan.claims.sql_workflow import ask
    from makespan.serving.vllm.adapter import part
    from makespan.serving.vllm.real import RealEngine
    from makespan.serving.workload import Workload

    with RealEngine(model, _settings(), dtype="float32") as engine:
        words = part("tokenizers", "Tokenizer").from_file(str(model / "tokenizer.json"))
        engine.warm_up()

        def answers(calls: Sequence[tuple[list[int], int]]) -> list[list[int]]:
            said: dict[int, list[int]] = {k: [] for k in range(len(calls))}
            for k, (prompt, output) in enumerate(calls):
                engine.submit(str(k), prompt, output, 0, 0)
            left = len(calls)
            while left:
                for output in engine.step()[1]:
                    said[int(output.request_id)] += list(output.outputs[0].token_ids)
                    left -= bool(output.finished)
            return list(said.values())

        def alone(output: int) -> float:
            engine.forget()
            begun = time.perf_counter()
            answers([([300 + k for k in range(200)], output)])
            return time.perf_counter() - begun

        engine.forget()
        engine.start(time.perf_counter_ns() * 1000, Workload("none", *([_nothing()] * 3)))
        one, many = min(alone(1) for _ in range(3)), min(alone(33) for _ in range(3))
        begun = time.perf_counter()
        asked = ask(questions, lambda text: list(words.encode(text).ids), words.decode, answers)
        seconds = time.perf_counter() - begun
    return Unscheduled(asked, seconds, one / 200, max(many - one, 1e-6) / 32)


def _nothing() -> Any:
    import numpy as np

    return np.zeros(0, dtype=np.int64)


def _settings() -> Any:
    from makespan.serving.settings import EngineSettings

    return EngineSettings(blocks=400, block_size=32, max_num_batched_tokens=1024, max_num_seqs=8)


def profile_of(asked: Sequence[Asked], prefill: float, decode: float) -> Profile:
    """Service times of the two engines: mean lengths by stage at the speeds of a call alone."""
    from makespan.serving.policies.hexgen.profile import Machine, Profile

    fast = Machine("fast", prefill, decode)
    slow = Machine("slow", SLOWDOWN * prefill, SLOWDOWN * decode)
    rows: list[dict[str, float]] = [{}, {}]
    for stage in dict.fromkeys(one.stage for one in asked):
        of = [one for one in asked if one.stage == stage]
        prompt = sum(len(one.prompt) for one in of) / len(of)
        output = sum(len(one.answer) for one in of) / len(of)
        for row, machine in zip(rows, (fast, slow), strict=True):
            row[stage] = machine.seconds(prompt, output)
    return Profile((fast, slow), rows)


def real_fleet(given: Conditions) -> Measurement:
    """Round robin with FCFS against balance with urgency, on the same questions."""
    if given.model is None:
        return unmeasured()
    import numpy as np

    from makespan.claims.sql_workflow import load_of, order_of
    from makespan.serving.policies.hexgen.budget import Budgets
    from makespan.serving.policies.hexgen.queries import kept_by, query_seconds
    from makespan.serving.policies.hexgen.routing import WorkloadBalance
    from makespan.serving.policies.hexgen.workflow import Workflow
    from makespan.serving.policy import RoundRobin

    questions = _FEW if given.quick else _QUESTIONS
    first = unscheduled(given.model, questions)
    asked = first.asked
    given.say(f"unscheduled: {len(asked)} calls in {first.seconds:.1f} s")
    rate = OVERLOAD * questions / first.seconds
    random = np.random.default_rng(given.seed)
    begin = np.cumsum(random.exponential(1 / rate, questions)).tolist()
    profile = profile_of(asked, first.prefill, first.decode)
    bare = load_of(asked, begin, 1.0)
    flow = Workflow.typical(bare)
    known = Budgets(bare, profile, flow)
    base = sum(
        count * known.profile.expected(name)
        for name, count in zip(flow.stages, flow.count, strict=True)
    )
    load = load_of(asked, begin, SCALE * base)
    places = order_of(asked, begin)
    prompts = [list(asked[k].prompt) for k in places]
    expected = [asked[k].answer for k in places]
    revised = [one.question for one in asked if one.stage == "revise"]
    measured = {
        "questions, calls": Figure(f"{questions}, {len(asked)}"),
        "questions whose SQL was refused": Figure(len(set(revised))),
        "revisions": Figure(len(revised)),
        "unscheduled, one engine": Figure(round(first.seconds, 1), "s"),
        "rate": Figure(round(rate, 3), "questions/s"),
        "deadline": Figure(round(SCALE * base, 2), "s"),
    }
    kept: dict[str, float] = {}
    unlike = 0
    arms: dict[str, tuple[Router, ByUrgency | None]] = {
        "round robin, FCFS": (RoundRobin(), None),
        "balance, urgency": (WorkloadBalance(load, profile), ByUrgency(load, profile)),
    }
    for name, (router, policy) in arms.items():
        run = _serve(given.model, load, prompts, router, policy)
        seconds = query_seconds(run.record)
        kept[name] = kept_by(seconds, 0.95)
        unlike += sum(a != b for a, b in zip(run.answers, expected, strict=True))
        on_time = float((seconds <= SCALE * base).mean())
        shares = np.bincount(run.record.instance[run.record.instance >= 0], minlength=2)
        measured[f"{name}: 95 % keep"] = Figure(round(kept[name], 2), "s")
        measured[f"{name}: mean"] = Figure(round(float(seconds.mean()), 2), "s")
        measured[f"{name}: keep the deadline"] = Figure(round(100 * on_time, 1), "%")
        measured[f"{name}: calls of fast, slow"] = Figure(f"{shares[0]}, {shares[1]}")
        given.say(f"{name}: 95 % within {kept[name]:.2f} s, {100 * on_time:.0f} % on time")
    gain = kept["round robin, FCFS"] / kept["balance, urgency"]
    measured["deadline reduced by"] = Figure(round(gain, 3), "times")
    measured["answers unlike the unscheduled ones"] = Figure(unlike)
    good = gain >= FACTOR and unlike == 0
    return Measurement(
        verdict=Verdict.REPRODUCED if good else Verdict.PARTLY if gain > 1.0 else Verdict.NOT,
        measured=measured,
        explanation=f"95 % of the questions keep a deadline {gain:.2f} times tighter than under "
        f"round robin and FCFS; {unlike} of {2 * len(asked)} answers differ from those of an "
        "engine that was asked one stage of all questions at a time. What the model says is "
        "fixed by greedy decoding, so that the revisions, which real errors of SQLite caused, "
        "could be recorded once and served twice.",
        seeds=(given.seed,),
    )


def _serve(
    model: Path,
    load: Workload,
    prompts: list[list[int]],
    router: Router,
    policy: ByUrgency | None,
) -> FleetRun:
    import os

    from makespan.serving.vllm.fleet import RealFleet
    from makespan.serving.vllm.worker import Place

    cpus = sorted(os.sched_getaffinity(0))
    places = [
        Place(cpus=(cpus[0],)),
        Place(cpus=(cpus[-1],), slowdown=SLOWDOWN),
    ]
    with RealFleet(
        model, _settings(), engines=2, places=places, policy=policy, dtype="float32"
    ) as fleet:
        return fleet.run(load, router=router, time_limit=_LIMIT, prompts=prompts)
