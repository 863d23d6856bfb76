"""The catalogue of families: described, typed, deterministic."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.validation import validate
from makespan.generators import families, named_instance
from makespan.generators.catalogue import generate

SIZES = {"jobs": 6, "machines": 4, "activities": 14, "tasks": 12}

DIGESTS: dict[str, str] = {
    "job_shop": "57436322947fc914",
    "flexible_job_shop": "cb3892d95bcc1aa1",
    "flow_shop": "cb341cb351690b11",
    "open_shop": "bc7c90f44ace24dd",
    "blocking_job_shop": "44243438f286925c",
    "setup_job_shop": "90afaf2a9430dde3",
    "due_date_job_shop": "9c5e156ec17873d3",
    "single_machine": "7fc16b48cd62f4de",
    "parallel_machines": "d56ab916fc8deb87",
    "rcpsp": "60d68fa658b947a3",
    "multimode_rcpsp": "970095bca35abdd1",
    "rcpsp_max": "438d7d337795776d",
    "everything": "3c15993a01d161db",
}
"""First 16 digits of the SHA-256 of a member of each family at seed 7."""


def digest(problem: Problem) -> str:
    """A hash of everything random in a problem."""
    made = hashlib.sha256()
    for table in (problem.tasks, problem.modes, problem.resources, problem.jobs):
        _feed(made, table)
    for relation in (problem.precedences, problem.no_overlaps, problem.links, problem.selections):
        _feed(made, relation)
    for setup in problem.setups:
        _feed(made, setup)
    made.update(str(problem.objective).encode())
    return made.hexdigest()[:16]


def _feed(made: hashlib._Hash, table: object) -> None:
    for column in table.__dataclass_fields__:  # type: ignore[attr-defined]
        values = getattr(table, column)
        if isinstance(values, np.ndarray):
            made.update(values.astype("<i8").tobytes())


def member(name: str, seed: int) -> Problem:
    """A small member of a family."""
    family = next(f for f in families() if f.name == name)
    sizes = {p.name: SIZES[p.name] for p in family.parameters if p.required}
    return generate(name, seed=seed, **sizes)


@pytest.mark.parametrize("family", families(), ids=lambda f: f.name)
def test_families_are_valid_and_deterministic(family: object) -> None:
    """Equal seeds give the problem on record, other seeds another one."""
    name = family.name  # type: ignore[attr-defined]
    problem = member(name, 7)
    validate(problem)
    assert problem == member(name, 7)
    assert digest(problem) == DIGESTS[name]
    assert digest(member(name, 8)) != DIGESTS[name]


def test_every_parameter_is_described() -> None:
    """Families say in a sentence what they are and what each parameter means."""
    for family in families():
        assert family.summary.endswith((".", "]."))
        for parameter in family.parameters:
            assert len(parameter.description) > 5
            assert "See :" not in parameter.description
            assert parameter.type in (int, float, bool)
            assert parameter.required == (parameter.default is None and not parameter.optional)


def test_generate_takes_instances_and_loose_spelling() -> None:
    """Built-in names, aliases, hyphens and the function's own name are understood."""
    assert generate("ft06") == named_instance("ft06")
    assert generate("TA4x4_1os") == named_instance("tos4x4_1")
    one = generate("open-shop", jobs=2, machines=2, seed=3)
    assert one == generate("random_open_shop", jobs=2, machines=2, seed=3)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("job_shop", {"jobs": 3}, "needs machines"),
        ("job_shop", {"jobs": 3, "machines": 3, "speed": 1}, "no parameter 'speed'"),
        ("job_shop", {"jobs": 3.5, "machines": 3}, "jobs is 3.5, not of type int"),
        ("job_shop", {"jobs": True, "machines": 3}, "not of type int"),
        ("blocking_job_shop", {"jobs": 3, "machines": 3, "swap": 1}, "not of type bool"),
        ("job_shop", {"jobs": None, "machines": 3}, "not of type int"),
        ("ft06", {"jobs": 3}, "takes no parameters"),
        ("jobshop", {}, "neither a built-in instance nor a random family"),
    ],
)
def test_generate_refuses(name: str, parameters: dict[str, object], message: str) -> None:
    """Wrong names, parameters and types are refused by name."""
    with pytest.raises(OptionError, match=message):
        generate(name, **parameters)


def test_optional_parameters_take_none() -> None:
    """A parameter with the default None accepts it."""
    problem = generate("flexible_job_shop", jobs=2, machines=3, operations=None)
    assert problem.tasks.count == 6
