"""Running commands in this process and in real ones, and checking what they write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

SOURCE = Path(__file__).resolve().parents[2] / "src"
CONTRACT = json.loads(
    (SOURCE / "makespan" / "cli" / "contract.schema.json").read_text(encoding="utf-8")
)

Invoke = Callable[..., Result]
Check = Callable[[str], dict[str, Any]]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def invoke() -> Invoke:
    """Run a command in this process."""
    from makespan.cli.app import app

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=stdin)

    return run


@pytest.fixture
def checked() -> Check:
    """Parse a JSON document and hold it against the contract."""
    validator = jsonschema.Draft202012Validator(CONTRACT)

    def check(text: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(text)
        name = document["schema"].split("/")[1]
        branch = {"$ref": f"#/$defs/{name}", "$defs": CONTRACT["$defs"]}
        if name == "generate" and "instances" in document:
            branch["$ref"] = "#/$defs/generateList"
        if name == "simulate" and "errors" in document:
            branch["$ref"] = "#/$defs/simulateLike"
        if name == "simulate" and "capacities" in document:
            branch["$ref"] = "#/$defs/simulateCapacity"
        if name == "simulate" and "axes" in document:
            branch["$ref"] = "#/$defs/simulateSweep"
        jsonschema.Draft202012Validator(branch).validate(document)
        validator.validate(document)
        return document

    return check


@pytest.fixture
def start() -> Start:
    """Start the program as a process of its own."""

    def begin(
        *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        surroundings = {**os.environ, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1", **(env or {})}
        return subprocess.Popen(
            [sys.executable, "-m", "makespan", *words],
            cwd=cwd,
            env=surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    return begin


@pytest.fixture
def run(start: Start) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program as a process of its own, to its end."""

    def complete(
        words: Sequence[str],
        *,
        stdin: str = "",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 110,
    ) -> subprocess.CompletedProcess[str]:
        with start(*words, cwd=cwd, env=env) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return complete


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of an engine: every task after the one before it, at once and in order."""
    import numpy as np

    import makespan
    from makespan.core.problem import Problem
    from makespan.core.result import Progress
    from makespan.core.result import Result as Solved
    from makespan.core.schedule import Schedule
    from makespan.core.vocabulary import Status

    def solve(problem: Problem, **options: Any) -> Solved:
        order = problem.jobs.task if problem.jobs.count else np.arange(problem.tasks.count)
        mode = problem.tasks.mode_ptr[:-1].astype(np.int32)
        length = problem.modes.duration[mode]
        start = np.zeros(problem.tasks.count, dtype=np.int64)
        start[order] = np.concatenate(([0], np.cumsum(length[order])[:-1]))
        schedule = Schedule.from_starts(problem, start, mode)
        values = makespan.evaluate(problem, schedule)
        point = Progress(0.01, 0, values[0], 0, "one-by-one")
        options["on_progress"](point)
        return Solved(
            Status.FEASIBLE,
            schedule,
            values,
            tuple(0 for _ in values),
            (point,),
            engine=options["engine"],
            seed=options["seed"],
            threads=options["threads"] or 1,
            seconds=0.01,
            version=makespan.__version__,
        )

    monkeypatch.setattr(makespan, "solve", solve, raising=False)
