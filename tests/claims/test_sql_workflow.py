"""The staged questions: their calls follow what the model and the database say."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.claims.hexgen_real import SLOWDOWN, ByUrgency, profile_of
from makespan.claims.sql_workflow import (
    DATABASES,
    QUESTIONS,
    RETRIES,
    STAGES,
    TOKENS,
    Asked,
    ask,
    load_of,
    order_of,
    refusal,
    workflow,
)
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.routing import WorkloadBalance
from makespan.serving.settings import EngineSettings


def database(number: int = 0) -> sqlite3.Connection:
    """A database as the questions have it."""
    made = sqlite3.connect(":memory:")
    made.executescript(DATABASES[number])
    return made


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT name FROM singer WHERE country = 'France'", ""),
        ("SELECT count(*), avg(age) FROM singer", ""),
        ("SELECT name FROM nobody", "no such table"),
        ("SELECT FROM", "syntax error"),
        ("DROP TABLE singer", "not authorized"),
        ("INSERT INTO singer VALUES(9,'x','y',1)", "not authorized"),
        ("ATTACH 'elsewhere' AS other", "not authorized"),
        ("PRAGMA writable_schema = 1", "not authorized"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT '\0'", ""),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n", ""),
    ],
)
def test_statements_are_executed_and_only_read(statement: str, says: str) -> None:
    """What writes is refused, what never ends is ended, and the rest says what SQLite says."""
    made = database()
    found = refusal(made, statement)
    endless = "RECURSIVE" in statement
    if says:
        assert says in found
    elif "\0" not in statement:
        assert bool(found) == endless
    assert made.execute("SELECT count(*) FROM singer").fetchone() == (3,)


@given(st.text(max_size=60))
def test_nothing_that_a_model_says_harms(text: str) -> None:
    """A sentence for anything, and the rows are as they were."""
    made = database(1)
    assert isinstance(refusal(made, f"SELECT {text}"), str)
    assert made.execute("SELECT count(*) FROM driver").fetchone() == (3,)


def stages(number: int, candidates: Sequence[str]) -> list[str]:
    """Stages of a question whose SQL is answered by these, in turn."""
    flow = workflow(number)
    call = next(flow)
    found = []
    answers = iter(candidates)
    while True:
        found.append(call.stage)
        said = next(answers) if call.stage in ("candidate", "revise") else "singer"
        try:
            call = flow.send(said)
        except StopIteration:
            return found


def test_refused_statements_are_revised_until_they_run() -> None:
    """But not for ever."""
    good, bad = " count(*) FROM singer; and more", " nothing FROM nowhere"
    assert stages(0, [good]) == ["tables", "candidate", "evaluate"]
    assert stages(0, [bad, bad, good]) == ["tables", "candidate", "revise", "revise", "evaluate"]
    assert stages(0, [bad] * 9) == ["tables", "candidate", *["revise"] * RETRIES, "evaluate"]


def test_the_error_is_in_the_prompt_of_the_revision() -> None:
    """With the statement that it is about."""
    flow = workflow(0)
    next(flow)
    flow.send("singer")
    call = flow.send("x FROM nowhere")
    assert "no such table: nowhere" in call.text
    assert "SELECT x FROM nowhere" in call.text
    flow.close()


def asked(count: int = 20) -> list[Asked]:
    """Questions to a model that always says the same of a stage."""

    def answers(calls: Sequence[tuple[list[int], int]]) -> list[list[int]]:
        return [[len(prompt) % 7] * output for prompt, output in calls]

    def decode(tokens: Sequence[int]) -> str:
        return " count(*) FROM singer" if tokens[0] % 2 else " nothing"

    return ask(count, lambda text: [ord(c) % 251 for c in text], decode, answers)


def test_what_was_asked_becomes_a_load() -> None:
    """With the same prompts, answers and chains, whenever questions begin."""
    found = asked()
    assert len({one.question for one in found}) == 20
    assert any(one.stage == "revise" for one in found)
    begin = np.cumsum(np.random.default_rng(1).exponential(1.0, 20))[::-1].tolist()
    load, places = load_of(found, begin, 30.0), order_of(found, begin)
    for r, k in enumerate(places):
        one = found[k]
        assert load.prompt[r] == len(one.prompt)
        assert load.output[r] == len(one.answer) == TOKENS[one.stage]
        assert load.labels[load.label[r]] == one.stage
        assert load.program[r] == one.question
        assert [places[p] for p in load.parents(r)] == ([one.parent] if one.parent >= 0 else [])


def test_the_profile_and_the_policies_fit_the_load() -> None:
    """As the experiment uses them, on simulated engines."""
    found = asked()
    load = load_of(found, [0.2 * k for k in range(20)], 5.0)
    profile = profile_of(found, 0.001, 0.02)
    for stage in STAGES:
        assert profile.seconds(stage, 1, 1) == pytest.approx(
            SLOWDOWN * profile.seconds(stage, 1, 0)
        )
    costs = [LinearCost(k * 2 * 10**10, k * 10**9, 0, 0) for k in (1, 2)]
    record = simulate_serving(
        load,
        [EngineSettings(400, 32, 1024, 8)] * 2,
        costs,
        policy=ByUrgency(load, profile),
        router=WorkloadBalance(load, profile),
    )
    assert record.finished.all()


def test_there_are_different_questions() -> None:
    """To every database; later ones ask again and say so."""
    texts = {next(workflow(k)).text for k in range(45)}
    assert len(texts) == 45
    assert len(QUESTIONS) == len(DATABASES)
