"""Questions about small databases, answered by a model in stages, with its SQL really executed.

The stages of CHESS (Talaei et al. 2024), which HexGen-Text2SQL serves, cut down to four: which
tables, a candidate, revisions as long as the database refuses the candidate, an evaluation. Which
calls a question comes to depends on what the model says and on what SQLite says to that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.assemble import assemble

DATABASES: Final[tuple[str, ...]] = (
    (
        "CREATE TABLE singer(id INT, name TEXT, country TEXT, age INT);"
        "CREATE TABLE concert(id INT, singer_id INT, year INT, visitors INT);"
        "INSERT INTO singer VALUES(1,'Ada','France',31),(2,'Bo','Norway',45),(3,'Cy','France',22);"
        "INSERT INTO concert VALUES(1,1,2014,900),(2,2,2015,400),(3,1,2015,1200);"
    ),
    (
        "CREATE TABLE driver(id INT, name TEXT, team TEXT, points INT);"
        "CREATE TABLE race(id INT, driver_id INT, place INT, seconds INT);"
        "INSERT INTO driver VALUES(1,'Ito','Red',90),(2,'Kay','Blue',70),(3,'Lu','Red',15);"
        "INSERT INTO race VALUES(1,1,1,5400),(1,2,2,5410),(2,2,1,5300);"
    ),
    (
        "CREATE TABLE account(id INT, owner TEXT, city TEXT, balance INT);"
        "CREATE TABLE payment(id INT, account_id INT, amount INT, month INT);"
        "INSERT INTO account VALUES(1,'Mia','Brno',500),(2,'Noe','Praha',70),(3,'Ola','Brno',0);"
        "INSERT INTO payment VALUES(1,1,20,3),(2,1,35,4),(3,2,10,4);"
    ),
)
"""Schemas and rows of the databases (ours)."""

QUESTIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "How many singers are there?",
        "Which singers are from France?",
        "What is the mean age of singers by country?",
        "How many visitors did Ada have in 2015?",
        "Which singer had no concert?",
    ),
    (
        "Which drivers are in team Red?",
        "Who won race 2?",
        "How many points has each team?",
        "What was the fastest time of Kay?",
        "Which driver never raced?",
    ),
    (
        "Who owns accounts in Brno?",
        "What is the total balance by city?",
        "How much was paid in April?",
        "Which account paid most?",
        "Which owners made no payment?",
    ),
)
"""Questions to each database (ours)."""

STAGES: Final = ("tables", "candidate", "revise", "evaluate")
TOKENS: Final = {"tables": 8, "candidate": 28, "revise": 28, "evaluate": 4}
"""Output tokens of a call; answers are cut there."""

RETRIES: Final = 3
"""Revisions at most: a loop without a limit would never end with a model that cannot mend."""

_STEPS: Final = 100_000
"""Instructions of SQLite's machine after which a statement is given up."""


def refusal(database: sqlite3.Connection, statement: str) -> str:
    """What the database says against a statement, "" if it runs; nothing but reading is allowed."""
    reading = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
    database.set_authorizer(
        lambda action, *_rest: sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY
    )
    left = [_STEPS // 1000]

    def tick() -> int:
        left[0] -= 1
        return int(left[0] < 0)

    database.set_progress_handler(tick, 1000)
    try:
        database.execute(statement).fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return str(error) or type(error).__name__
    finally:
        database.set_authorizer(None)
        database.set_progress_handler(None, 0)
    return ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model.

    Attributes
    ----------
    text
        Its prompt.
    """

    stage: str
    text: str


def question(number: int) -> tuple[str, str]:
    """Schema and text of a question; numbers beyond the list ask again, by number."""
    database = number % len(DATABASES)
    asked = QUESTIONS[database]
    text = asked[number // len(DATABASES) % len(asked)]
    schema = DATABASES[database].split("INSERT")[0]
    again = number // (len(DATABASES) * len(asked))
    return schema, text if not again else f"({again + 1}) {text}"


def workflow(number: int) -> Generator[Call, str, None]:
    """The calls of a question; each is answered by sending what the model said."""
    schema, text = question(number)
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(DATABASES[number % len(DATABASES)])
        head = f"{schema}\nQuestion: {text}\n"
        tables = yield Call("tables", f"{head}Tables needed:")
        head += f"Tables: {_line(tables)}\n"
        said = yield Call("candidate", f"{head}SQL: SELECT")
        statement = _statement(said)
        for _ in range(RETRIES):
            error = refusal(database, statement)
            if not error:
                break
            said = yield Call(
                "revise", f"{head}Wrong SQL: {statement}\nError: {error}\nRight SQL: SELECT"
            )
            statement = _statement(said)
        yield Call("evaluate", f"{head}SQL: {statement}\nDoes it answer the question?")
    finally:
        database.close()


def _line(said: str) -> str:
    return said.strip().split("\n")[0]


def _statement(said: str) -> str:
    """The first statement of an answer that goes on after SELECT."""
    return "SELECT " + said.strip().split(";")[0].split("\n\n")[0].replace("```", " ").strip()


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was answered.

    Attributes
    ----------
    question, stage
        What it belongs to.
    prompt, answer
        Tokens.
    parent
        Place of the call before it, -1 of the first.
    """

    question: int
    stage: str
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    parent: int


Answers = Callable[[Sequence[tuple[list[int], int]]], list[list[int]]]
"""Answers prompts given with the number of tokens asked for, all at once."""


def ask(
    count: int,
    encode: Callable[[str], list[int]],
    decode: Callable[[Sequence[int]], str],
    answers: Answers,
) -> list[Asked]:
    """Take questions through their stages, one stage of all at a time; nothing is scheduled."""
    flows = [workflow(k) for k in range(count)]
    calls = {k: next(flow) for k, flow in enumerate(flows)}
    last = [-1] * count
    asked: list[Asked] = []
    while calls:
        waiting = list(calls.items())
        prompts = [encode(call.text) for _, call in waiting]
        said = answers(
            [(p, TOKENS[call.stage]) for p, (_, call) in zip(prompts, waiting, strict=True)]
        )
        calls = {}
        for (k, call), prompt, answer in zip(waiting, prompts, said, strict=True):
            asked.append(Asked(k, call.stage, tuple(prompt), tuple(answer), last[k]))
            last[k] = len(asked) - 1
            try:
                calls[k] = flows[k].send(decode(answer))
            except StopIteration:
                continue
    return asked


def load_of(asked: Sequence[Asked], begin: Sequence[float], deadline: float) -> Workload:
    """The calls as a load: questions begin at these seconds, each is due so many seconds later."""
    start = np.array([begin[one.question] for one in asked])
    child = np.array([k for k, one in enumerate(asked) if one.parent >= 0], dtype=np.int64)
    return assemble(
        "toy Text-to-SQL",
        arrival=np.rint(start * PICOSECONDS).astype(np.int64),
        prompt=np.array([len(one.prompt) for one in asked]),
        output=np.array([len(one.answer) for one in asked]),
        program=np.array([one.question for one in asked]),
        label=np.array([STAGES.index(one.stage) for one in asked]),
        labels=STAGES,
        slo=np.zeros(len(asked), dtype=np.int64),
        slos=(Slo("question", deadline=round(deadline * PICOSECONDS)),),
        parents=(
            child,
            np.array([asked[k].parent for k in child], dtype=np.int64),
            np.zeros(len(child), dtype=np.int64),
        ),
        source="recorded: what a model and SQLite said, one stage of all questions at a time",
    )


def order_of(asked: Sequence[Asked], begin: Sequence[float]) -> list[int]:
    """Places in ``asked`` of the requests of :func:`load_of`, which are sorted by arrival."""
    start = np.rint([begin[one.question] * PICOSECONDS for one in asked])
    return [int(k) for k in np.argsort(start, kind="stable")]
