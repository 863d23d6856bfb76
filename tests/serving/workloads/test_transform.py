"""Transformations change what they say and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.bootstrap import bootstrap
from makespan.serving.workloads.independent import independent
from makespan.serving.workloads.shared import conversations
from makespan.serving.workloads.summary import describe
from makespan.serving.workloads.transform import (
    chain_programs,
    closed_loop,
    drop_sharing,
    leaders,
    mix,
    scale_rate,
    set_cap,
    set_slo,
    shift,
    slos_by_share,
    thin,
)
from tests.serving.workloads.loads import same, shared, workloads

S = PICOSECONDS
FAST, SLOW = Slo("fast", ttft=S), Slo("slow", deadline=S)


def sized(tokens: int, count: int = 3, grain: int = 16, **terms) -> Workload:
    """A load of equal requests, a second apart."""
    one = np.ones(count, dtype=np.int64)
    return Workload(
        f"of {tokens}", np.arange(count) * S, one * tokens, one, grain=grain, source="here", **terms
    )


@given(workloads(), st.sampled_from([0.5, 1.0, 4.0]))
def test_a_rate_scales_arrivals_alone(load, factor):
    """All but arrivals and source stays."""
    fast = scale_rate(load, factor)
    assert fast.arrival.tolist() == [int(at / factor) for at in load.arrival.tolist()]
    assert same(fast, load, but=("arrival", "source"))


@given(workloads())
def test_a_shift_moves_arrivals_and_can_be_taken_back(load):
    """Shifted there and back is as before."""
    there = shift(load, 1.5)
    assert (there.arrival - load.arrival == 3 * S // 2).all()
    assert same(shift(there, -1.5), load, but=("source",))


@pytest.mark.parametrize("seconds", [-1e-11, 1e9, 1e300, float("nan"), float("inf")])
def test_a_shift_out_of_time_is_refused(seconds):
    """Nothing arrives before 0 or after the end of time."""
    with pytest.raises(OptionError, match="cannot be shifted"):
        shift(sized(5), seconds)


@given(workloads(), st.floats(0.01, 1), st.integers(0, 99))
def test_thinning_keeps_programs_whole(load, share, seed):
    """What is kept is a part of the load, program by program, the same for the same seed."""
    kept = thin(load, share, seed=seed)
    assert same(kept, thin(load, share, seed=seed))
    before = np.bincount(load.program[load.program >= 0], minlength=4)
    after = np.bincount(kept.program[kept.program >= 0], minlength=4)
    assert all(a in (0, b) for a, b in zip(after, before, strict=True))


def test_thinning_has_its_share():
    """The share of requests is the one asked for."""
    load = independent(requests=20_000, seed=1)
    assert thin(load, 0.3, seed=2).count / load.count == pytest.approx(0.3, abs=0.02)
    assert same(thin(load, 1.0), load, but=("source",))


@given(workloads())
def test_caps_do_not_cut_outputs(load):
    """A nominal cap holds for all whose output fits."""
    capped = set_cap(load, 50)
    assert (capped.cap == np.maximum(50, load.output)).all()
    assert same(capped, load, but=("cap", "source"))


@given(workloads())
def test_dropped_sharing_leaves_nothing_in_common(load):
    """Only pieces are gone."""
    bare = drop_sharing(load)
    assert not len(bare.content)
    assert same(bare, load, but=("content", "content_ptr", "source"))


class TestClasses:
    """SLO classes."""

    def test_a_rule_picks_requests(self):
        """A rule may be a function of the load or its answer."""
        load = independent(requests=50, seed=1)
        ruled = set_slo(load, SLOW, lambda load: load.prompt > 1000)
        assert (ruled.slo == np.where(load.prompt > 1000, 0, -1)).all()
        again = set_slo(ruled, FAST, load.prompt <= 1000)
        assert again.slos == (SLOW, FAST)
        assert (again.slo == np.where(load.prompt > 1000, 0, 1)).all()
        assert same(set_slo(again, FAST, load.prompt <= 1000), again, but=("source",))

    def test_rules_that_do_not_fit_are_refused(self):
        """One bool per request, and one meaning per name."""
        load = set_slo(sized(5), FAST, np.ones(3, dtype=np.bool_))
        for rule in ([True], [1, 0, 1], lambda load: load.prompt):
            with pytest.raises(OptionError, match="the rule gives"):
                set_slo(load, FAST, rule)
        with pytest.raises(OptionError, match="another SLO class 'fast'"):
            set_slo(load, Slo("fast", ttft=2), np.ones(3, dtype=np.bool_))

    def test_shares_are_kept_and_programs_are_of_one_class(self):
        """Classes are dealt out in proportion, program by program."""
        load = conversations(conversations=6000, grain=4096, seed=1)
        dealt = slos_by_share(load, [(FAST, 1), (SLOW, 2), (None, 1)], seed=3)
        for program in range(50):
            assert len(set(dealt.slo[dealt.program == program].tolist())) == 1
        first = dealt.slo[np.diff(load.parent_ptr) == 0]
        shares = np.bincount(first + 1, minlength=3) / len(first)
        assert shares.tolist() == pytest.approx([0.25, 0.25, 0.5], abs=0.03)

    def test_clients_of_a_loop_have_requests_of_all_classes(self):
        """What merely waits for another request is no program: its class is its own."""
        loop = closed_loop(independent(requests=4000, seed=1), 4)
        dealt = slos_by_share(loop, [(FAST, 0.3), (None, 0.7)], seed=1)
        for c in range(4):
            assert (dealt.slo[c::4] == 0).mean() == pytest.approx(0.3, abs=0.08)

    @pytest.mark.parametrize("shares", [[], [(FAST, -1)], [(FAST, 0)], [(FAST, 1), (FAST, 1)]])
    def test_shares_that_are_none_are_refused(self, shares):
        """Shares are not negative, not all 0, and of different classes."""
        with pytest.raises(OptionError):
            slos_by_share(sized(5), shares)


class TestMix:
    """Several loads in one."""

    @given(workloads(grains=st.just(2)), workloads(grains=st.just(2)))
    def test_all_requests_are_there_and_stay_apart(self, one, other):
        """Requests keep their terms; loads share no program, parent or piece."""
        other_slos = tuple(Slo(f"other {slo.name}", slo.ttft) for slo in other.slos)
        other = replace(other, slos=other_slos)
        both = mix([one, other])
        assert both.count == one.count + other.count
        order = np.argsort(np.concatenate([one.arrival, other.arrival]), kind="stable")
        owner = (order >= one.count).astype(int).tolist()
        index = np.where(order >= one.count, order - one.count, order).tolist()
        loads = (one, other)
        for r in range(both.count):
            load, k = loads[owner[r]], index[r]
            for key in ("arrival", "prompt", "output", "cap", "priority"):
                assert getattr(both, key)[r] == getattr(load, key)[k]
            for table, column in (("slos", "slo"), ("labels", "label")):
                mine, theirs = getattr(both, column)[r], getattr(load, column)[k]
                assert (mine < 0) == (theirs < 0)
                if mine >= 0:
                    assert getattr(both, table)[mine] == getattr(load, table)[theirs]
            assert [index[p] for p in both.parents(r).tolist()] == load.parents(k).tolist()
            for other_r in range(both.count):
                expected = shared(load, k, index[other_r]) if owner[r] == owner[other_r] else 0
                assert shared(both, r, other_r) == expected
                if both.program[r] >= 0 and both.program[r] == both.program[other_r]:
                    assert owner[r] == owner[other_r]
                    assert load.program[k] == load.program[index[other_r]]

    def test_labels_and_classes_are_joined_by_name(self):
        """Equal names are one label; equal classes are one class, different ones an error."""
        zero = np.zeros(3, dtype=np.int64)
        one = sized(5, label=zero, labels=("a",), slo=zero, slos=(FAST,))
        other = sized(7, label=zero + 1, labels=("b", "a"), slo=zero, slos=(FAST,))
        both = mix([one, other])
        assert both.labels == ("a", "b")
        assert set(both.label.tolist()) == {0}
        assert both.slos == (FAST,)
        with pytest.raises(OptionError, match="two SLO classes 'fast' differ"):
            mix([one, sized(7, slo=zero, slos=(Slo("fast", ttft=5),))])

    def test_pieces_are_cut_to_the_largest_grain(self):
        """Grains that divide fit, others are refused; no pieces, no matter."""
        ptr, content = np.array([0, 2, 4, 4]), np.array([1, 2, 1, 2])
        fine = sized(64, grain=16, content_ptr=ptr, content=content)
        coarse = sized(
            64, grain=32, content_ptr=np.array([0, 1, 2, 3]), content=np.array([5, 5, 6])
        )
        both = mix([fine, coarse])
        assert both.grain == 32
        assert len(both.content) == 2 + 3
        assert mix([fine, sized(9, grain=1000)]).grain == 16
        odd = sized(64, grain=24, content_ptr=np.array([0, 1, 2, 2]), content=np.array([5, 5]))
        with pytest.raises(OptionError, match="do not fit pieces of 24"):
            mix([fine, odd])

    def test_nothing_cannot_be_mixed(self):
        """A mix needs a load."""
        with pytest.raises(OptionError, match="no loads"):
            mix([])


class TestLoops:
    """Closed loops."""

    @given(workloads(), st.integers(1, 5))
    def test_a_client_waits_for_its_last_answer(self, load, clients):
        """Request k waits for k - clients; lengths stay in their order."""
        loop = closed_loop(load, clients, think=2.0)
        for r in range(load.count):
            assert loop.parents(r).tolist() == ([r - clients] if r >= clients else [])
        assert not loop.arrival.any()
        assert set(loop.delay.tolist()) <= {2 * S}
        assert same(
            loop, load, but=("arrival", "program", "parent", "parent_ptr", "delay", "source")
        )

    def test_thinking_varies_around_its_mean(self):
        """Exponential times to think, equal for equal seeds."""
        load = independent(requests=5000, seed=1)
        loop = closed_loop(load, 10, think=3.0, variable=True, seed=1)
        assert loop.delay.mean() / S == pytest.approx(3.0, rel=0.08)
        assert loop.delay.std() / S == pytest.approx(3.0, rel=0.15)
        assert same(loop, closed_loop(load, 10, think=3.0, variable=True, seed=1))

    @pytest.mark.parametrize("terms", [{"clients": 0}, {"clients": 1, "think": -1}])
    def test_loops_out_of_range_are_refused(self, terms):
        """At least a client, and no time to think below 0."""
        with pytest.raises(OptionError):
            closed_loop(sized(5), **terms)

    @given(workloads())
    def test_chained_programs_wait_turn_by_turn(self, load):
        """Every request of a program but its first waits for the one before."""
        chained = chain_programs(load, think=1.0)
        assert chained.count == load.count
        for program in {int(p) for p in load.program if p >= 0}:
            members = np.flatnonzero(chained.program == program)
            assert chained.parents(members[0]).tolist() == []
            for before, after in pairwise(members):
                assert chained.parents(after).tolist() == [before]
            assert len(set(chained.arrival[members].tolist())) == 1
            lengths = load.prompt[load.program == program].tolist()
            assert chained.prompt[members].tolist() == lengths
        # Requests of no program keep their times, and as many parents as they had.
        free, was = chained.program < 0, load.program < 0
        assert chained.arrival[free].tolist() == load.arrival[was].tolist()
        assert np.diff(chained.parent_ptr)[free].tolist() == np.diff(load.parent_ptr)[was].tolist()


class TestBootstrap:
    """Longer loads from blocks of time."""

    def test_it_lasts_as_long_as_asked_at_the_same_rate(self):
        """Rate and lengths are kept, span is what was asked for."""
        load = independent(requests=3000, rate=5.0, seed=1)
        longer = bootstrap(load, 6000.0, block=60.0, seed=2)
        found, before = describe(longer), describe(load)
        assert found.span == pytest.approx(6000, rel=0.01)
        assert longer.arrival[-1] < 6000 * S
        assert found.rate == pytest.approx(before.rate, rel=0.1)
        assert found.prompt.mean == pytest.approx(before.prompt.mean, rel=0.1)
        assert same(longer, bootstrap(load, 6000.0, block=60.0, seed=2))
        assert not same(longer, bootstrap(load, 6000.0, block=60.0, seed=3), but=("source",))

    def test_blocks_are_stretches_of_the_load(self):
        """Within a block, gaps and lengths are those of a stretch of the load."""
        load = independent(requests=400, rate=1.0, seed=4)
        longer = bootstrap(load, 500.0, block=50.0, seed=1)
        pairs = {
            tuple(p)
            for p in zip(
                load.prompt[:-1].tolist(),
                load.prompt[1:].tolist(),
                np.diff(load.arrival).tolist(),
                strict=True,
            )
        }
        block = longer.arrival // (50 * S)
        inside = block[1:] == block[:-1]
        found = zip(
            longer.prompt[:-1][inside].tolist(),
            longer.prompt[1:][inside].tolist(),
            np.diff(longer.arrival)[inside].tolist(),
            strict=True,
        )
        assert inside.sum() > 300
        assert all(pair in pairs for pair in found)

    def test_programs_stay_whole_and_copies_apart(self):
        """A conversation comes with all its turns; its copies are others and share nothing."""
        load = conversations(conversations=60, rate=1.0, turns=3.0, grain=256, seed=1)
        longer = bootstrap(load, 400.0, block=20.0, seed=5)
        sizes = {tuple(load.prompt[load.program == p].tolist()) for p in range(60)}
        by_program = {p: np.flatnonzero(longer.program == p) for p in set(longer.program.tolist())}
        assert len(by_program) > 200
        for members in by_program.values():
            assert tuple(longer.prompt[members].tolist()) in sizes
            for k, r in enumerate(members.tolist()):
                assert longer.parents(r).tolist() == ([members[k - 1]] if k else [])
        copies: dict[tuple[int, ...], list[int]] = {}
        for members in by_program.values():
            copies.setdefault(tuple(longer.prompt[members].tolist()), []).append(int(members[0]))
        for firsts in copies.values():
            for a in firsts:
                assert all(shared(longer, a, b) == 0 for b in firsts if a != b)

    @pytest.mark.parametrize(
        ("seconds", "block"), [(10, 0), (10, 100), (0.5, 1), (float("inf"), 1), (float("nan"), 1)]
    )
    def test_blocks_out_of_range_are_refused(self, seconds, block):
        """Blocks fit into the load, the result is at least one."""
        with pytest.raises(OptionError):
            bootstrap(sized(5), seconds, block=block)


@given(workloads())
def test_a_request_without_a_program_belongs_to_what_it_waits_for(load):
    """The leader of a request is the first of its program or of its first parent's line."""
    found = leaders(load)
    for r in range(load.count):
        if load.program[r] >= 0:
            assert found[r] == np.flatnonzero(load.program == load.program[r])[0]
        elif len(load.parents(r)):
            assert found[r] == found[load.parents(r)[0]]
        else:
            assert found[r] == r
