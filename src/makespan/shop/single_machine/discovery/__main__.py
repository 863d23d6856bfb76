"""``python -m makespan.shop.single_machine.discovery``: look for a rule, and say what it is worth.

Without ``--model`` a seeded grammar mutates expressions and nothing outside is needed; with it, a
language model writes Python functions, which run in a sandbox. Ctrl-C ends after the current
proposal and keeps what was found.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from makespan.core.errors import MakespanError
from makespan.shop.single_machine.discovery.grammar import MutationProposer
from makespan.shop.single_machine.discovery.loop import (
    Discovery,
    Evaluator,
    Proposer,
    Step,
    discover,
)
from makespan.shop.single_machine.discovery.training import (
    ExpressionEvaluator,
    ProgramEvaluator,
    training_set,
)
from makespan.shop.single_machine.rules import RULES

SEED_EXPRESSIONS: Final = ("d", "max(p + t, d)")
"""EDD and MDD."""

_HELD_OUT_SEED: Final = 1_000_000


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the loop; the exit code is 0, 2 for bad options, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m makespan.shop.single_machine.discovery")
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--instances", type=int, default=250, help="size of the training set")
    parser.add_argument("--jobs", type=int, default=25, help="jobs per instance")
    parser.add_argument("--islands", type=int, default=10)
    parser.add_argument("--reset-every", type=int, default=1000, help="iterations between resets")
    parser.add_argument("--time-limit", type=float, help="wall seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for what was found")
    parser.add_argument("--model", help="language model that writes programs")
    parser.add_argument("--base-url", help="OpenAI-compatible endpoint of the model")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    previous = signal.getsignal(signal.SIGINT)

    def interrupted(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, interrupted)
    try:
        return _run(options, stop)
    except MakespanError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        signal.signal(signal.SIGINT, previous)


def _run(options: argparse.Namespace, stop: threading.Event) -> int:
    train = training_set(options.instances, jobs=options.jobs, seed=options.seed)
    proposer: Proposer
    evaluator: Evaluator
    seeds: Sequence[str]
    if options.model:
        from makespan.shop.single_machine.discovery.model import SEED_PROGRAMS, ModelProposer
        from makespan.shop.single_machine.discovery.sandbox import Sandbox

        sandbox = Sandbox()
        proposer = ModelProposer(options.model, base_url=options.base_url)
        evaluator = ProgramEvaluator(train, sandbox)
        seeds = SEED_PROGRAMS
    else:
        proposer = MutationProposer(options.seed)
        evaluator = ExpressionEvaluator.over(train)
        seeds = SEED_EXPRESSIONS
    held_out = training_set(options.instances, jobs=options.jobs, seed=_HELD_OUT_SEED)
    for name in ("EDD", "MDD", "MDDC"):
        values = [jobs.total_tardiness(RULES[name](jobs)) for jobs in train]
        _say(f"{name:>5} on the training set: {sum(values) / len(values):.2f}")

    def told(step: Step) -> None:
        shown = step.text if len(step.text) <= 120 else f"{step.text[:117]}..."
        _say(f"{step.iteration:>7}  {step.seconds:7.1f} s  {step.score:.2f}  {shown.strip()}")

    found = discover(
        proposer,
        evaluator,
        seeds,
        iterations=options.iterations,
        islands=options.islands,
        reset_every=options.reset_every,
        time_limit=options.time_limit,
        seed=options.seed,
        stop=stop,
        on_step=told,
    )
    test: Evaluator
    if isinstance(evaluator, ProgramEvaluator):
        test = ProgramEvaluator(held_out, evaluator.sandbox)
    else:
        test = ExpressionEvaluator.over(held_out)
    scores = {"found": test.score(found.best.text)}
    for name in ("EDD", "MDD", "MDDC"):
        values = [jobs.total_tardiness(RULES[name](jobs)) for jobs in held_out]
        scores[name] = sum(values) / len(values)
    _report(found, scores)
    if options.output is not None:
        document = {**found.document(), "held_out": scores}
        temporary = options.output.with_suffix(".tmp")
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.replace(options.output)
        _say(f"kept in {options.output}")
    return 130 if stop.is_set() else 0


def _report(found: Discovery, held_out: dict[str, float]) -> None:
    _say(
        f"{found.iterations} proposals in {found.seconds:.1f} s, {found.failed} failed, "
        f"{found.repeated} seen before"
    )
    _say(f"best: {found.best.text.strip()}")
    for name, score in held_out.items():
        _say(f"{name:>5} on instances not trained on: {score:.2f}")


if __name__ == "__main__":
    sys.exit(main())
