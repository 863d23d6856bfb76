"""Summaries agree with what is counted by hand and one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from makespan.serving.workload import Slo, Workload
from makespan.serving.workloads import describe, read_workload
from makespan.serving.workloads.summary import depths, shared_blocks
from makespan.serving.workloads.transform import drop_sharing
from tests.serving.workloads import samples
from tests.serving.workloads.loads import workloads

S = 10**12


def ints(*values: int) -> np.ndarray:
    """An array of whole numbers."""
    return np.array(values, dtype=np.int64)


@given(workloads())
def test_an_infinite_cache_finds_what_a_set_of_names_holds(load):
    """Hits equal those of a cache that is filled request by request."""
    seen: set[int] = set()
    for r in range(load.count):
        hits = 0
        for name in load.contents(r).tolist()[: int(load.prompt[r]) // load.grain]:
            if name not in seen:
                break
            hits += 1
        assert shared_blocks(load)[r] == hits
        seen.update(load.contents(r).tolist())


@given(workloads())
def test_names_far_apart_are_counted_the_same(load):
    """Sparse names take another way and give the same hits."""
    sparse = replace(load, content=load.content * (1 << 40) - (1 << 50))
    assert np.array_equal(shared_blocks(sparse), shared_blocks(load))


@given(workloads())
def test_depths_are_those_of_the_recursion(load):
    """The depth of a request is one more than the greatest of its parents."""
    found = depths(load)
    for r in range(load.count):
        assert found[r] == max((found[p] + 1 for p in load.parents(r).tolist()), default=0)


@given(workloads())
def test_any_load_can_be_described_and_printed(load):
    """Every valid load has a summary, and dropping what is shared drops the hits alone."""
    described = describe(load)
    assert described.requests == load.count
    assert str(described).startswith(f"{load.name}: {load.count} requests")
    assert sum(described.labels.values()) == (load.label >= 0).sum()
    bare = describe(drop_sharing(load))
    assert (bare.sharing.hits, bare.sharing.rate) == (0, 0.0)
    assert (bare.prompt, bare.rate, bare.depth) == (
        described.prompt,
        described.rate,
        described.depth,
    )


def test_a_load_by_hand():
    """Figures of a small load worked out by hand."""
    load = Workload(
        "hand",
        arrival=ints(0, 1 * S, 1 * S, 4 * S),
        prompt=ints(32, 40, 64, 16),
        output=ints(16, 8, 16, 16),
        program=ints(0, -1, 0, 3),
        label=ints(0, 0, 1, -1),
        labels=("a", "b"),
        slo=ints(-1, 0, 0, 0),
        slos=(Slo("fast"),),
        parent_ptr=ints(0, 0, 0, 1, 1),
        parent=ints(0),
        delay=ints(3 * S // 2),
        # Request 2 continues request 0, whose output ends with piece 12; request 1 shares 10.
        content_ptr=ints(0, 3, 5, 9, 10),
        content=ints(10, 11, 12, 10, 20, 10, 11, 12, 13, 10),
    )
    found = describe(load)
    assert (found.span, found.waiting) == (4.0, 1)
    # Requests 0, 1 and 3 come on their own: gaps of 1 s and 3 s.
    assert found.rate == pytest.approx(0.5)
    assert found.cv == pytest.approx(0.5)
    assert found.prompt.mean == 38.0
    assert found.prompt.quantiles[3] == 36.0
    assert (found.input_rate, found.output_rate) == (38.0, 14.0)
    # Blocks 2 + 3 + 4 + 1; hits: 10 by request 1, 10 11 12 by request 2, 10 by request 3.
    assert (found.sharing.blocks, found.sharing.hits) == (10, 5)
    assert found.sharing.rate == 0.5
    assert found.sharing.tokens == pytest.approx(80 / 152)
    assert found.sharing.requests == 0.75
    assert (found.programs, found.program_requests, found.depth) == (2, 1.5, 2)
    assert found.delay == 1.5
    assert (found.labels, found.slos) == ({"a": 2, "b": 1}, {"fast": 3})


def test_mooncake_blocks_begun_count_whole():
    """The last block of a prompt counts in full though only full ones can be found."""
    found = describe(read_workload(samples.MOONCAKE))
    assert (found.sharing.blocks, found.sharing.hits) == (3 + 2 + 1, 1)


def test_a_load_all_at_once_has_no_rate():
    """Requests that all come at 0 have neither rate nor gaps."""
    found = describe(read_workload(samples.VIDUR))
    assert (found.rate, found.cv, found.input_rate) == (None, None, None)
    assert "arrivals" not in str(found)
