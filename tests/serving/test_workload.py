"""The contract of a workload: what it refuses, what it fills in, and taking a part of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import ProblemError
from makespan.serving.workload import TIME_LIMIT, TOKEN_LIMIT, Slo, Workload
from tests.serving.workloads.loads import same, shared, workloads


def ints(*values: int) -> np.ndarray:
    """Ints."""
    return np.array(values, dtype=np.int64)


def plain(**terms) -> Workload:
    """Three requests, the third waiting for the others, the first two sharing a piece."""
    columns = {
        "arrival": ints(0, 5, 5),
        "prompt": ints(20, 20, 40),
        "output": ints(4, 5, 6),
        "parent_ptr": ints(0, 0, 0, 2),
        "parent": ints(0, 1),
        "delay": ints(7, 8),
        "content_ptr": ints(0, 1, 2, 2),
        "content": ints(9, 9),
        "slos": (Slo("fast", ttft=1),),
        "labels": ("chat",),
    }
    return Workload("plain", **columns | terms)


class TestDefaults:
    def test_what_is_not_given_is_filled_in(self):
        """What is not given is filled in."""
        load = Workload("w", ints(0, 1), ints(3, 4), ints(5, 6))
        assert load.cap.tolist() == [5, 6]
        assert load.priority.tolist() == [0, 0]
        for key in ("slo", "program", "label"):
            assert getattr(load, key).tolist() == [-1, -1]
        assert load.parents(1).tolist() == load.contents(0).tolist() == []
        assert (load.count, load.span) == (2, 1)

    def test_an_empty_load_is_one(self):
        """An empty load is one."""
        load = Workload("w", ints(), ints(), ints())
        assert (load.count, load.span) == (0, 0)
        assert load.take([]).count == 0

    def test_arrays_cannot_be_changed(self):
        """Arrays cannot be changed."""
        load = plain()
        for key in Workload.__slots__:
            value = getattr(load, key)
            if isinstance(value, np.ndarray):
                assert value.dtype == np.int64
                with pytest.raises(ValueError, match="read-only"):
                    value[...] = 0

    def test_the_givers_arrays_stay_writable_and_apart(self):
        """The givers arrays stay writable and apart."""
        mine = ints(0, 1)
        load = Workload("w", mine, ints(3, 4), ints(5, 6))
        mine[0] = -5
        assert load.arrival[0] == 0

    def test_rows_are_found(self):
        """Rows are found."""
        load = plain()
        assert load.parents(2).tolist() == [0, 1]
        assert load.contents(1).tolist() == [9]


BROKEN = {
    "arrival before 0": ({"arrival": ints(-1, 5, 5)}, "arrivals from"),
    "arrival too late": ({"arrival": ints(0, 5, TIME_LIMIT + 1)}, "arrivals from"),
    "arrivals unsorted": ({"arrival": ints(6, 5, 5)}, "request 1 arrives too early"),
    "no prompt": ({"prompt": ints(20, 0, 40)}, "request 1 has an impossible prompt"),
    "no output": ({"output": ints(4, 5, 0)}, "request 2 has an impossible output"),
    "long prompt": ({"prompt": ints(20, 20, TOKEN_LIMIT + 1)}, "impossible prompt"),
    "cap below output": ({"cap": ints(4, 4, 6)}, "request 1 outgrows its cap"),
    "cap too large": ({"cap": ints(4, 5, TOKEN_LIMIT + 1)}, "outgrows its cap"),
    "unknown slo": ({"slo": ints(0, 1, 0)}, "request 1 has an unknown SLO class"),
    "unknown label": ({"label": ints(0, 0, -2)}, "request 2 has an unknown label"),
    "unknown program": ({"program": ints(0, -2, 0)}, "request 1 is part of an unknown program"),
    "short column": ({"priority": ints(1, 2)}, "2 entries in priority for 3 requests"),
    "no grain": ({"grain": 0}, "pieces of 0 tokens"),
    "parent behind": ({"parent": ints(0, 2)}, "request 2 does not come after its parents"),
    "parent below 0": ({"parent": ints(-1, 1)}, "does not come after its parents"),
    "delay below 0": ({"delay": ints(7, -1)}, "delays"),
    "delay missing": ({"delay": ints(7)}, "delays"),
    "rows do not fit": ({"parent_ptr": ints(0, 0, 0, 1)}, "parent_ptr does not divide"),
    "rows go back": ({"content_ptr": ints(0, 2, 1, 2)}, "content_ptr does not divide"),
    "rows too few": ({"content_ptr": ints(0, 2)}, "content_ptr does not divide"),
    "pieces too long": (
        {"content_ptr": ints(0, 2, 2, 2)},
        "request 0 is shorter than its named pieces",
    ),
    "equal labels": ({"labels": ("a", "a")}, "label names"),
    "empty label": ({"labels": ("",)}, "label names"),
    "equal classes": ({"slos": (Slo("a"), Slo("a", ttft=1))}, "SLO class names"),
    "fractions": ({"prompt": np.array([1.5, 2, 3])}, "prompt must be a flat array of integers"),
    "a table": ({"output": np.ones((3, 1), dtype=np.int64)}, "output must be a flat array"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_load_is_refused_with_the_request_at_fault(case):
    """A broken load is refused with the request at fault."""
    terms, message = BROKEN[case]
    with pytest.raises(ProblemError, match="workload 'plain'") as caught:
        plain(**terms)
    assert message in str(caught.value)


@pytest.mark.parametrize("term", ["ttft", "tpot", "gap", "deadline"])
@pytest.mark.parametrize("value", [0, -1, TIME_LIMIT + 1])
def test_an_slo_has_positive_limits(term, value):
    """An SLO has positive limits."""
    with pytest.raises(ProblemError, match=f"'fast': {term} is {value} ps"):
        Slo("fast", **{term: value})


class TestTake:
    @given(workloads())
    def test_taking_all_changes_nothing(self, load):
        """Taking all changes nothing."""
        assert same(load.take(np.arange(load.count)), load)
        assert same(load.take(np.ones(load.count, dtype=np.bool_)), load)

    @given(workloads(), st.data())
    def test_numbers_in_any_order_and_bools_take_the_same(self, load, data):
        """Numbers in any order and bools take the same."""
        mask = np.array(
            data.draw(st.lists(st.booleans(), min_size=load.count, max_size=load.count)),
            dtype=np.bool_,
        )
        numbers = data.draw(st.permutations(np.flatnonzero(mask).tolist()))
        assert same(load.take(mask), load.take(numbers))

    @given(workloads(), st.data())
    def test_what_is_taken_is_what_it_was(self, load, data):
        """What is taken is what it was."""
        mask = np.array(
            data.draw(st.lists(st.booleans(), min_size=load.count, max_size=load.count)),
            dtype=np.bool_,
        )
        part = load.take(mask)
        chosen = np.flatnonzero(mask).tolist()
        assert part.count == len(chosen)
        for new, old in enumerate(chosen):
            for key in (
                "arrival",
                "prompt",
                "output",
                "cap",
                "priority",
                "slo",
                "program",
                "label",
            ):
                assert getattr(part, key)[new] == getattr(load, key)[old]
            assert part.contents(new).tolist() == load.contents(old).tolist()
            kept = [
                (chosen.index(parent), delay)
                for parent, delay in zip(
                    load.parents(old).tolist(),
                    load.delay[load.parent_ptr[old] : load.parent_ptr[old + 1]].tolist(),
                    strict=True,
                )
                if parent in chosen
            ]
            begin, end = part.parent_ptr[new], part.parent_ptr[new + 1]
            assert part.parents(new).tolist() == [parent for parent, _ in kept]
            assert part.delay[begin:end].tolist() == [delay for _, delay in kept]
            for other, old_other in enumerate(chosen):
                assert shared(part, new, other) == shared(load, old, old_other)

    @given(workloads(), st.data())
    def test_a_part_of_a_part_is_a_part(self, load, data):
        """A part of a part is a part."""
        bools = st.lists(st.booleans(), min_size=load.count, max_size=load.count)
        first, second = (np.array(data.draw(bools), dtype=np.bool_) for _ in range(2))
        assert same(load.take(first).take(second[first]), load.take(first & second))

    @pytest.mark.parametrize(
        ("requests", "message"),
        [
            ([0, 0], "taken twice"),
            ([3], "requests 3 to 3 asked for"),
            ([-1, 0], "requests -1 to 0 asked for"),
            ([True, False], "names no requests"),
            ([0.5], "names no requests"),
            ([[0, 1]], "names no requests"),
            ("all", "names no requests"),
        ],
    )
    def test_what_is_not_there_is_refused(self, requests, message):
        """What is not there is refused."""
        with pytest.raises(ProblemError, match=message):
            plain().take(requests)


@given(workloads())
def test_every_load_drawn_is_valid_and_can_be_replaced(load):
    """Every load drawn is valid and can be replaced."""
    assert same(replace(load, name="other"), load, but=("name",))


def test_other_arrivals_take_everything_of_a_request_with_them() -> None:
    """Also its pieces; loads whose requests wait for others are refused."""
    load = Workload(
        "two",
        np.array([0, 1]),
        np.array([40, 50]),
        np.array([3, 4]),
        priority=np.array([7, 8]),
        content_ptr=np.array([0, 1, 3]),
        content=np.array([5, 6, 7]),
    )
    later = load.sent_at([9, 2])
    assert later.arrival.tolist() == [2, 9]
    assert later.prompt.tolist() == [50, 40]
    assert later.priority.tolist() == [8, 7]
    assert [later.contents(r).tolist() for r in (0, 1)] == [[6, 7], [5]]
    waits = Workload(
        "waits", load.arrival, load.prompt, load.output,
        parent_ptr=np.array([0, 0, 1]), parent=np.array([0]), delay=np.array([1]),
    )  # fmt: skip
    with pytest.raises(ProblemError, match="wait for others"):
        waits.sent_at([0, 0])
    with pytest.raises(ProblemError, match="arrivals for 2"):
        load.sent_at([0])
