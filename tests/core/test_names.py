"""Name tables: explicit and patterned ones behave as the same list of texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.names import NameTable

words = st.text("ab.1", min_size=1, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> tuple[NameTable, list[str]]:
    """A table of any kind and the names it should hold."""
    kind = draw(st.sampled_from(["explicit", "numbered", "per_job"]))
    if kind == "explicit":
        texts = draw(st.lists(words, max_size=6))
        return NameTable.explicit(texts), texts
    if kind == "numbered":
        prefix, size = draw(st.sampled_from(["", "T", "a.1"])), draw(st.integers(0, 12))
        start = draw(st.integers(-2, 11))
        return NameTable.numbered(prefix, size, start), [
            f"{prefix}{k}" for k in range(start, start + size)
        ]
    jobs = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.tuples(st.integers(0, len(jobs) - 1), st.integers(0, 11)), max_size=8))
    job = np.array([j for j, _ in rows], dtype=np.int32)
    position = np.array([k for _, k in rows], dtype=np.int64)
    return (
        NameTable.per_job(NameTable.explicit(jobs), job, position),
        [f"{jobs[j]}.{k + 1}" for j, k in rows],
    )


@given(tables())
def test_a_table_is_a_sequence_of_its_names(made: tuple[NameTable, list[str]]) -> None:
    """Length, order, places from either end and slices are those of a list."""
    table, texts = made
    assert list(table) == texts
    assert len(table) == len(texts)
    size = len(texts)
    assert [table[k] for k in range(-size, size)] == [texts[k] for k in range(-size, size)]
    assert [table[np.int32(k)] for k in range(size)] == texts  # type: ignore[call-overload]
    for part in (slice(None), slice(1, -1), slice(None, None, -2), slice(3, 99)):
        assert table[part] == texts[part]
    for k in (size, -size - 1):
        with pytest.raises(IndexError):
            table[k]


@given(tables(), words)
def test_names_are_found_where_they_are(made: tuple[NameTable, list[str]], other: str) -> None:
    """find is the inverse of the table, None for what is not in it, the first time and later."""
    table, texts = made
    for _ in range(2):
        assert table.find("no such name") is None
        for text in [*texts, other]:
            place = table.find(text)
            assert (place is None) == (text not in texts)
            assert place is None or texts[place] == text
            assert (text in table) == (text in texts)
    if len(set(texts)) == len(texts):
        assert [table.find(text) for text in texts] == list(range(len(texts)))


@given(tables())
def test_duplicates_are_found(made: tuple[NameTable, list[str]]) -> None:
    """A name that occurs twice is reported exactly if there is one."""
    table, texts = made
    twice = table.first_duplicate()
    if len(set(texts)) == len(texts):
        assert twice is None
    else:
        assert twice is not None
        assert texts.count(twice) > 1


def test_names_of_jobs_do_not_clash_with_names_of_their_tasks() -> None:
    """Job 'a.1' and job 'a' number their tasks apart, whatever the dots."""
    names = NameTable.explicit(["a", "a.1"])
    job, position = np.array([0, 1, 0]), np.array([0, 0, 1])
    table = NameTable.per_job(names, job.astype(np.int32), position)
    assert list(table) == ["a.1", "a.1.1", "a.2"]
    assert table.first_duplicate() is None


@given(tables(), tables())
def test_equality_is_by_content(
    one: tuple[NameTable, list[str]], other: tuple[NameTable, list[str]]
) -> None:
    """Tables are equal if they hold the same names, however they are made, and then hash alike."""
    table, texts = one
    assert (table == other[0]) == (texts == other[1])
    same = NameTable.explicit(texts)
    assert table == same
    assert hash(table) == hash(same)
    assert table != NameTable.explicit([*texts, "more"])
    assert table != texts


def test_patterns_equal_the_names_they_make() -> None:
    """Numbers and jobs spelled out are the same tables."""
    assert NameTable.numbered("T", 3) == NameTable.explicit(["T1", "T2", "T3"])
    assert NameTable.numbered("T", 2, start=0) != NameTable.numbered("T", 2)
    jobs, zero = NameTable.numbered("J", 2), np.zeros(2, dtype=np.int64)
    table = NameTable.per_job(jobs, np.array([0, 1], dtype=np.int32), zero)
    assert table == NameTable.explicit(["J1.1", "J2.1"])


def test_large_patterns_cost_nothing_until_asked() -> None:
    """A thousand million names are a prefix and a number."""
    table = NameTable.numbered("T", 10**9)
    assert table[-1] == "T1000000000"
    assert table.first_duplicate() is None
    assert table[10:13] == ["T11", "T12", "T13"]


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        (NameTable.explicit([]), "NameTable(0: )"),
        (NameTable.explicit(["x", "y", "z"]), "NameTable(3: x, y, z)"),
        (NameTable.numbered("T", 4), "NameTable(4: T1, T2, T3, …)"),
    ],
)
def test_repr(table: NameTable, shown: str) -> None:
    """The first three names, and whether there are more."""
    assert repr(table) == shown


@pytest.mark.parametrize("index", [1.0, "T1", None])
def test_places_are_whole_numbers(index: object) -> None:
    """A float is no place, even if it looks like one."""
    with pytest.raises(TypeError):
        NameTable.numbered("T", 4)[index]  # type: ignore[call-overload]
