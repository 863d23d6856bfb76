"""Named sets resolve to the instances and best-known values they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.peers import known, mixed
from benchmarks.peers.__main__ import chosen_instances
from benchmarks.peers.instances import SETS, Instance, instance, natural, spread

from makespan.core.vocabulary import ObjectiveKind


@pytest.fixture
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the collections."""
    monkeypatch.setenv("MAKESPAN_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ta", 80),
        ("flow-taillard", 120),
        ("open-taillard", 60),
        ("due-dates", 30),
        ("single-machine", 20),
        ("large-1000x100", 3),
        ("large-1000x1000", 2),
    ],
)
def test_sets_made_from_seeds_need_no_files(no_files: Path, name: str, count: int) -> None:
    """They have the same size everywhere, and no name twice."""
    names = [i.name for i in SETS[name]()]
    assert len(names) == len(set(names)) == count


def test_absent_families_are_named_and_left_out(
    no_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest of the sets still runs."""
    found = chosen_instances(["la", "ta"], first=2)
    assert [(s, i.name) for s, i in found] == [("ta", "ta01"), ("ta", "ta02")]
    assert "'la' is not here" in capsys.readouterr().err


def test_a_pattern_chooses_by_name(no_files: Path) -> None:
    """Patterns are those of the shell."""
    found = chosen_instances(["due-dates"], "due 10x10 f1.3 *")
    assert len(found) == 3


def test_files_are_listed_in_natural_order(no_files: Path) -> None:
    """la2 comes before la10, and each can be found again by name."""
    folder = no_files / "scheduling" / "jssp" / "la"
    folder.mkdir(parents=True)
    for name in ("la10", "la2"):
        (folder / f"{name}.txt").write_text("1 1\n0 3\n", encoding="utf-8")
    assert [i.name for i in SETS["la"]()] == ["la2", "la10"]
    assert instance("la", "la2").make().tasks.count == 1
    with pytest.raises(KeyError, match="la3"):
        instance("la", "la3")


def test_natural_order_compares_numbers_as_numbers() -> None:
    """Names that begin with digits sort beside those that do not."""
    assert sorted(["j60_10_1", "j60_2_10", "j60_2_9", "01a"], key=natural) == [
        "01a",
        "j60_2_9",
        "j60_2_10",
        "j60_10_1",
    ]


def test_a_sample_is_spread_evenly_and_always_the_same() -> None:
    """Not more than there are."""
    found = [Instance(str(k), "project", lambda: None) for k in range(10)]  # type: ignore[return-value]
    assert [i.name for i in spread(found, 2)] == ["2", "7"]
    assert spread(found, 20) == found


def test_best_known_values_come_with_source_and_date() -> None:
    """Those of named instances stand in the library's own table."""
    found = known.best_known(instance("ta", "ta01"))
    assert found is not None
    assert found.value == 1231
    assert found.source
    assert found.date
    assert known.best_known(instance("due-dates", "due 10x10 f1.3 s1")) is None


def test_due_date_sets_minimise_weighted_tardiness() -> None:
    """A made instance is the problem its set is about."""
    problem = instance("due-dates", "due 20x5 f1.6 s2").make()
    assert problem.objective.kinds == {ObjectiveKind.TOTAL_TARDINESS}
    assert problem.jobs.count == 20
    problem = instance("single-machine", "single 40 T0.6 R0.4").make()
    assert (problem.resources.count, problem.jobs.count) == (1, 40)


@pytest.mark.data
def test_every_instance_of_a_family_has_its_best_known_value(data_dir: Path) -> None:
    """Keys of the tables match the names of the files."""
    families = ("la", "tai", "dct", "barnes", "kacem", "hurink-edata", "hurink-sdata", "j60")
    for name in families:
        for each in SETS[name]():
            assert known.best_known(each) is not None, (name, each.name)
    assert len(SETS["j60-open"]()) == 18
    assert len(SETS["j60-sample"]()) == 48
    assert len(SETS["j120-first"]()) == 60
    assert len(mixed.mixed()) == 47
