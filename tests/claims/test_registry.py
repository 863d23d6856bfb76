"""The registry of systems: explicit, without duplicates, and open to other packages."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from makespan.core import registry as module
from makespan.core.errors import OptionError
from makespan.core.registry import Claim, Source, System, SystemRegistry

SOURCE = Source("Author 2024, A paper", "arXiv 2401.00001", "https://arxiv.org/abs/2401.00001")
CLAIM = Claim(
    slug="it-works",
    system="a-system",
    statement="It works.",
    source=SOURCE,
    experiment="package.module:function",
    measured_as="Trying it.",
    tolerance="reproduced if it works.",
)
SYSTEM = System(
    slug="a-system",
    title="A system",
    source=SOURCE,
    room="solvers",
    summary="Does something.",
    entry_points=("package.module:Thing",),
    claims=(CLAIM,),
)


@pytest.fixture
def plugged_in() -> Iterator[types.ModuleType]:
    """A module of a third party, importable as ``third_party_systems``."""
    third = types.ModuleType("third_party_systems")
    sys.modules[third.__name__] = third
    yield third
    del sys.modules[third.__name__]


def test_systems_are_found_by_slug_in_order() -> None:
    """Iteration follows registration."""
    second = replace(SYSTEM, slug="b", claims=())
    systems = SystemRegistry([SYSTEM, second])
    assert list(systems) == [SYSTEM, second]
    assert len(systems) == 2
    assert "b" in systems
    assert systems.get("a-system") is SYSTEM


def test_a_second_system_of_one_slug_is_an_error() -> None:
    """Nothing is overwritten silently."""
    with pytest.raises(OptionError, match="already registered"):
        SystemRegistry([SYSTEM, SYSTEM])


def test_an_unknown_slug_is_answered_with_close_ones() -> None:
    """Or with all there are."""
    systems = SystemRegistry([SYSTEM])
    with pytest.raises(OptionError, match="did you mean a-system"):
        systems.get("a-sistem")
    with pytest.raises(OptionError, match="known systems: a-system"):
        systems.get("zzz")


@pytest.mark.parametrize("slug", ["", "A", "a_b", "-a", "a--b", "a b", "ä"])
def test_slugs_are_plain(slug: str) -> None:
    """They become file names, anchors and words on a command line."""
    with pytest.raises(OptionError, match="slug"):
        replace(SYSTEM, slug=slug, claims=())
    with pytest.raises(OptionError, match="slug"):
        replace(CLAIM, slug=slug)


@pytest.mark.parametrize("path", ["", "module", "module:", ":name", "a b:c", "a:b:c"])
def test_import_paths_are_checked_where_they_are_declared(path: str) -> None:
    """A typing error shows at once, not when the experiment is run."""
    with pytest.raises(OptionError, match="import path"):
        replace(CLAIM, experiment=path)
    with pytest.raises(OptionError, match="import path"):
        replace(SYSTEM, entry_points=(path,))


def test_claims_belong_to_their_system_and_are_distinct() -> None:
    """A claim of another system, or one listed twice, is an error."""
    with pytest.raises(OptionError, match="of system 'other'"):
        replace(SYSTEM, claims=(replace(CLAIM, system="other"),))
    with pytest.raises(OptionError, match="twice"):
        replace(SYSTEM, claims=(CLAIM, CLAIM))


def test_a_declaration_that_does_not_load_leaves_the_others(
    plugged_in: types.ModuleType,
) -> None:
    """Missing modules, missing names, other things and duplicates become listed failures."""
    plugged_in.GOOD = SYSTEM  # type: ignore[attr-defined]
    plugged_in.OTHER = 3  # type: ignore[attr-defined]
    systems = SystemRegistry()
    for path in (
        "no_such_module:SYSTEM",
        "third_party_systems:MISSING",
        "third_party_systems:OTHER",
        "third_party_systems:GOOD",
        "third_party_systems:GOOD",
    ):
        systems.load(path)
    assert list(systems) == [SYSTEM]
    assert len(systems.failures) == 4
    assert "ModuleNotFoundError" in systems.failures[0].reason
    assert "is a int, not a System" in systems.failures[2].reason
    assert "already registered" in systems.failures[3].reason


def test_other_packages_declare_systems_by_entry_point(
    plugged_in: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group makespan.systems is read, and a broken plug-in is a listed failure."""
    plugged_in.GOOD = SYSTEM  # type: ignore[attr-defined]
    points = [
        EntryPoint("b", "third_party_systems:GOOD", module.GROUP),
        EntryPoint("a", "third_party_systems:MISSING", module.GROUP),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: points * (group == module.GROUP))
    systems = SystemRegistry()
    systems.load_plugins()
    assert list(systems) == [SYSTEM]
    assert [failure.path for failure in systems.failures] == ["third_party_systems:MISSING"]
