"""Damaged texts of every format: only FormatError may come out, whatever the damage.

``MAKESPAN_FUZZ`` sets the number of mutations (default 3000), ``MAKESPAN_FUZZ_SEED`` their seed.
"""

from __future__ import annotations

import json
import os
import warnings
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.validation import ModelWarning, validate
from makespan.io import detect, read_schedule_text, read_text, schedule_to_text, to_text
from makespan.io.files import decode
from tests.io import samples
from tests.io.samples import SAMPLES
from tests.io.test_problem_json import everything
from tests.io.test_schedules import flexible

BUDGET = int(os.environ.get("MAKESPAN_FUZZ", "3000"))
SEED = int(os.environ.get("MAKESPAN_FUZZ_SEED", "20240607"))
NUMBERS = [
    b"0",
    b"-1",
    b"1",
    b"2",
    b"3",
    b"7",
    b"999999999",
    b"4611686018427387904",
    b"1.5",
    b"1e9",
]
PIECES = [
    b"\x00",
    b"\xff",
    b"\r",
    b"\t",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"#",
    b"-",
    b"\n",
    b" ",
    b",",
]

TEXTS: list[tuple[str | None, bytes]] = [
    *((form, text.encode()) for form, text in SAMPLES.values()),
    ("jsplib", samples.OR_LIBRARY.encode()),
    ("taillard", samples.TAILLARD_TWO.encode()),
    ("json", to_text(everything(), "json").encode()),
]


def mutate(rng: np.random.Generator, raw: bytes, other: bytes) -> bytes:
    """``raw`` after one to four random edits."""
    for _ in range(int(rng.integers(1, 5))):
        if not raw:
            return raw
        at = int(rng.integers(len(raw)))
        lines = raw.split(b"\n")
        k = int(rng.integers(len(lines)))
        match int(rng.integers(10)):
            case 0:  # flip bits of a byte
                raw = raw[:at] + bytes([raw[at] ^ int(rng.integers(1, 256))]) + raw[at + 1 :]
            case 1:  # drop a line
                raw = b"\n".join(lines[:k] + lines[k + 1 :])
            case 2:  # repeat a line
                raw = b"\n".join([*lines[: k + 1], *lines[k:]])
            case 3 | 4 | 5:  # change a number
                words = lines[k].split(b" ")
                places = [i for i, word in enumerate(words) if word.strip(b"[]{},:\t-").isdigit()]
                if places:
                    place = places[int(rng.integers(len(places)))]
                    words[place] = NUMBERS[int(rng.integers(len(NUMBERS)))]
                    lines[k] = b" ".join(words)
                raw = b"\n".join(lines)
            case 6:  # cut the end off
                raw = raw[:at]
            case 7:  # insert a piece
                raw = raw[:at] + PIECES[int(rng.integers(len(PIECES)))] + raw[at:]
            case 8:  # swap two lines
                j = int(rng.integers(len(lines)))
                lines[k], lines[j] = lines[j], lines[k]
                raw = b"\n".join(lines)
            case _:  # go on as another text
                raw = raw[:at] + other[int(rng.integers(len(other))) :]
    return raw


def attempt(raw: bytes, form: str | None) -> Problem | None:
    """The problem in a damaged text, or None if it is refused as it should be."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ModelWarning)
            return read_text(raw, source="fuzz", format=form)
    except FormatError:
        return None


@pytest.mark.timeout(0 if BUDGET > 3000 else 120)
def test_only_format_errors_escape() -> None:
    """Mutated texts are either refused with FormatError or give a valid problem.

    What is still a problem also passes validation again, writes to JSON and reads back equal; a
    mutated JSON document that the reader takes also fits the schema.
    """
    rng = np.random.default_rng(SEED)
    schema = json.loads((files("makespan.io") / "schema/problem-v1.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    taken = 0
    for turn in range(BUDGET):
        form, raw = TEXTS[turn % len(TEXTS)]
        damaged = mutate(rng, raw, TEXTS[int(rng.integers(len(TEXTS)))][1])
        chosen = form if rng.integers(2) else None
        try:
            problem = attempt(damaged, chosen)
            if problem is None:
                continue
            taken += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ModelWarning)
                validate(problem)
                assert read_text(to_text(problem, "json")) == problem
            if (chosen or detect(decode(damaged, "fuzz"))) == "json":
                validator.validate(json.loads(damaged))
        except Exception as error:
            error.add_note(f"turn {turn}, seed {SEED}, text {damaged!r}")
            raise
    assert 0 < taken < BUDGET


@pytest.mark.timeout(0 if BUDGET > 3000 else 120)
def test_only_format_errors_escape_from_schedules() -> None:
    """The same for schedules in every layout; what is taken survives a round trip."""
    shop = read_text(samples.JSPLIB)
    plan = Schedule.from_starts(shop, np.array([0, 3, 5, 0, 4, 5]))
    choice = flexible()
    partial = Schedule(np.array([2, 0]), np.array([6, 0]), np.array([1, ABSENT]))
    texts = [
        (shop, schedule_to_text(shop, plan, "json").encode()),
        (shop, schedule_to_text(shop, plan, "csv").encode()),
        (shop, b"0 3 5\n0 4 5\n"),
        (shop, b"0 1\n0 1\n1 0\n"),
        (choice, schedule_to_text(choice, partial, "json").encode()),
        (choice, schedule_to_text(choice, partial, "csv").encode()),
        (choice, b"task;start;resources\ncut, fine;2;crew | left\n"),
    ]
    rng = np.random.default_rng(SEED)
    taken = 0
    for turn in range(max(BUDGET // 3, 100)):
        problem, raw = texts[turn % len(texts)]
        damaged = mutate(rng, raw, texts[int(rng.integers(len(texts)))][1])
        try:
            found = read_schedule_text(damaged, problem)
            taken += 1
            assert len(found) == problem.tasks.count
            assert read_schedule_text(schedule_to_text(problem, found, "json"), problem) == found
        except FormatError:
            continue
        except Exception as error:
            error.add_note(f"turn {turn}, seed {SEED}, text {damaged!r}")
            raise
    assert taken
