"""The error tree and its texts, and the parts of the registry that the ledger's tests leave out."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan.core
from makespan.core import errors
from makespan.core.errors import (
    EngineError,
    FormatError,
    InfeasibleError,
    InputError,
    MakespanError,
    MissingDependencyError,
    OptionError,
    ProblemError,
    RuntimeStateError,
    UnsupportedError,
)
from makespan.core.registry import Source, System, SystemRegistry

PARENTS: dict[type[MakespanError], tuple[type[BaseException], ...]] = {
    MakespanError: (Exception,),
    InputError: (MakespanError, ValueError),
    ProblemError: (InputError,),
    FormatError: (InputError,),
    OptionError: (InputError,),
    InfeasibleError: (MakespanError,),
    EngineError: (MakespanError,),
    UnsupportedError: (EngineError,),
    RuntimeStateError: (MakespanError,),
    MissingDependencyError: (MakespanError,),
}


def test_the_tree_is_the_one_drawn() -> None:
    """Every error of the module stands in the tree, under its parent."""
    found = {c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception)}
    assert found == set(PARENTS)
    for error, parents in PARENTS.items():
        assert error.__bases__ == parents
        assert error.__name__ in (errors.__doc__ or "")
        assert issubclass(error, MakespanError)


def test_the_core_raises_nothing_of_another_kind() -> None:
    """Whatever exception a module of the core defines is a MakespanError or a warning."""
    for item in pkgutil.walk_packages(makespan.core.__path__, "makespan.core."):
        for name, found in inspect.getmembers(importlib.import_module(item.name), inspect.isclass):
            if issubclass(found, Exception) and found.__module__.startswith("makespan"):
                assert issubclass(found, (MakespanError, Warning)), name


@pytest.mark.parametrize("error", PARENTS)
def test_a_hint_follows_in_brackets(error: type[MakespanError]) -> None:
    """The text is the message, with the hint if there is one; both stay apart as well."""
    plain, hinted = error("it is wrong"), error("it is wrong", hint="mend it")
    assert (str(plain), plain.message, plain.hint) == ("it is wrong", "it is wrong", None)
    assert (str(hinted), hinted.message, hinted.hint) == (
        *("it is wrong (mend it)", "it is wrong", "mend it"),
    )


@pytest.mark.parametrize(
    ("source", "line", "expected", "text"),
    [
        (None, None, None, "odd"),
        ("a.txt", None, None, "a.txt: odd"),
        ("a.txt", 3, None, "a.txt, line 3: odd"),
        (None, 3, None, "input, line 3: odd"),
        (None, None, "a number", "odd; expected a number"),
        ("a.txt", None, "a number", "a.txt: odd; expected a number"),
        ("a.txt", 3, "a number", "a.txt, line 3: odd; expected a number"),
    ],
)
def test_format_errors_say_where(
    source: str | None, line: int | None, expected: str | None, text: str
) -> None:
    """File, line and what was expected stand where a person looks for them, and can be read off."""
    error = FormatError("odd", source=source, line=line, expected=expected, hint="see the docs")
    assert str(error) == f"{text} (see the docs)"
    assert error.message == text
    assert (error.source, error.line, error.expected) == (source, line, expected)


def test_infeasible_errors_carry_the_conflict() -> None:
    """The constraints that clash, as a tuple of names; none by default."""
    assert InfeasibleError("no").conflict == ()
    assert InfeasibleError("no", conflict=["a", "b"]).conflict == ("a", "b")


places = product([None, "a.txt"], [None, 7], [None, "a number"], [None, "mend it"])


@pytest.mark.parametrize(("source", "line", "expected", "hint"), list(places))
def test_errors_travel_between_processes(
    source: str | None, line: int | None, expected: str | None, hint: str | None
) -> None:
    """A pickled error says and carries the same."""
    for error in (
        FormatError("odd", source=source, line=line, expected=expected, hint=hint),
        InfeasibleError("no", conflict=("a",), hint=hint),
        UnsupportedError("not here", hint=hint),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)


# Registry ----------------------------------------------------------------------------------------


def system(slug: str) -> System:
    """A system with a name and nothing else."""
    return System(slug, slug.title(), Source("A paper"), "solvers", "Does something.")


def test_sources_in_words() -> None:
    """Paper and identifier, if it has one."""
    assert str(Source("Author 2024, A paper")) == "Author 2024, A paper"
    assert str(Source("Author 2024", "arXiv 2401.00001")) == "Author 2024 (arXiv 2401.00001)"


def test_an_empty_registry_says_so() -> None:
    """There is nothing to suggest, and the message does not pretend."""
    with pytest.raises(OptionError) as caught:
        SystemRegistry().get("tabu")
    assert str(caught.value) == "there is no system 'tabu' (none is registered)"


@given(st.lists(st.sampled_from(["a", "b", "c-d", "e1", "e2"]), max_size=8))
def test_the_first_of_a_name_stays(slugs: list[str]) -> None:
    """Whatever is registered again is refused by name and changes nothing."""
    registry, kept = SystemRegistry(), {}
    for slug in slugs:
        made = system(slug)
        if slug in kept:
            with pytest.raises(OptionError, match=f"a system '{slug}' is already registered"):
                registry.register(made)
        else:
            registry.register(made)
            kept[slug] = made
        assert registry.get(slug) is kept[slug]
    assert list(registry) == list(kept.values())
    assert len(registry) == len(kept)
    assert all(slug in registry for slug in kept)
    assert "z" not in registry
