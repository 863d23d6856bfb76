"""Generators: equal for equal seeds, valid for any parameters, with the figures they promise."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.workload import Workload
from makespan.serving.workloads import describe, generate, generators
from makespan.serving.workloads.agents import STATISTICS, TOOL_TIMES, agents
from makespan.serving.workloads.arrivals import PROCESSES
from makespan.serving.workloads.compound import KINDS, compound, service_mix
from makespan.serving.workloads.independent import burst_lookalike, independent
from makespan.serving.workloads.published import NAMES
from makespan.serving.workloads.shared import conversations, offline_batch, shared_prefixes
from makespan.serving.workloads.summary import depths
from makespan.serving.workloads.text2sql import STAGES, text2sql
from tests.serving.workloads.loads import same, shared

S = 10**12
SEEDS = st.integers(0, 2**40)
COUNTS = st.integers(1, 12)
GRAIN = st.sampled_from([1, 16, 64])
COMMON = {
    "rate": st.floats(0.1, 100),
    "arrivals": st.sampled_from(PROCESSES),
    "cv": st.floats(0.2, 4),
}
DRAWS: dict[Any, dict[str, Any]] = {
    independent: {
        "requests": COUNTS,
        "lengths": st.sampled_from(NAMES),
        "cap": st.integers(0, 9000),
    }
    | COMMON,
    burst_lookalike: {"requests": COUNTS, "rate": st.floats(0.1, 100), "cv": st.floats(0.5, 4)},
    shared_prefixes: {
        "requests": COUNTS,
        "systems": COUNTS,
        "documents": COUNTS,
        "system_tokens": st.integers(1, 300),
        "document_tokens": st.integers(1, 300),
        "question_tokens": st.integers(1, 50),
        "skew": st.floats(0, 3),
        "grain": GRAIN,
    }
    | COMMON,
    conversations: {
        "conversations": COUNTS,
        "turns": st.floats(1, 6),
        "first_tokens": st.floats(1, 900),
        "spread": st.floats(0, 3),
        "systems": COUNTS,
        "system_tokens": st.integers(1, 200),
        "think": st.floats(0, 100),
        "context": st.integers(1, 3000),
        "grain": GRAIN,
    }
    | COMMON,
    offline_batch: {
        "requests": COUNTS,
        "degree": COUNTS,
        "root_tokens": st.integers(0, 100),
        "prefix_tokens": st.integers(1, 300),
        "spread": st.floats(0, 2),
        "shuffled": st.booleans(),
        "grain": GRAIN,
    },
    agents: {
        "sessions": COUNTS,
        "kind": st.sampled_from(list(STATISTICS)),
        "tool_times": st.sampled_from(TOOL_TIMES),
        "tools": COUNTS,
        "hang": st.floats(0, 1),
        "system_tokens": st.integers(1, 3000),
        "output_tokens": st.integers(1, 5000),
        "scale_tokens": st.sampled_from([0.001, 0.02, 1.0]),
        "grain": GRAIN,
    }
    | COMMON,
    compound: {
        "tasks": COUNTS,
        "kind": st.sampled_from(list(KINDS)),
        "width": COUNTS,
        "rounds": st.integers(1, 4),
        "stage_seconds": st.sampled_from([0, 1.5, 20]),
        "grain": GRAIN,
    }
    | COMMON,
    service_mix: {
        "requests": COUNTS,
        "compound_share": st.floats(0, 0.5),
        "deadline_share": st.floats(0, 0.5),
    }
    | COMMON,
    text2sql: {"queries": COUNTS, "slo_scale": st.floats(0, 15), "grain": GRAIN} | COMMON,
}


def prefix_of(load: Workload, child: int, parent: int) -> bool:
    """Whether a request begins with all of another, prompt and output, as far as pieces tell."""
    whole = int(load.prompt[parent] + load.output[parent]) // load.grain
    return shared(load, child, parent) == whole


@pytest.mark.parametrize("function", DRAWS, ids=lambda f: f.__name__)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=25)
def test_any_parameters_give_a_valid_load_twice_the_same(function, data, seed):
    """Loads are valid for all parameters in range and depend on these and the seed alone."""
    chosen = {name: data.draw(strategy, name) for name, strategy in DRAWS[function].items()}
    load = function(**chosen, seed=seed)
    assert load.count >= 1
    assert same(function(**chosen, seed=seed), load)


@pytest.mark.parametrize("item", generators(), ids=lambda g: g.name)
class TestCatalogue:
    """Every generator by name."""

    def test_seeds_and_parameters_are_on_record(self, item):
        """The source holds all that is needed to make the load again."""
        load = item.generate(seed=7)
        values = ", ".join(f"{p.name}={p.default}" for p in item.parameters)
        assert load.source == f"generated: {item.name}({values}, seed=7)"
        assert same(generate(item.name, seed=7), load)
        assert not same(item.generate(seed=8), load, but=("source",))

    def test_every_parameter_is_described_and_typed(self, item):
        """Names, types, defaults and descriptions for a listing."""
        names = set(inspect.signature(item.function).parameters) - {"seed"}
        assert {p.name for p in item.parameters} == names
        for parameter in item.parameters:
            assert parameter.description
            assert type(parameter.default) is parameter.type
        assert item.summary.endswith(".")

    def test_text_is_read_as_the_type_of_the_parameter(self, item):
        """Values from a command line are strings."""
        count = item.parameters[0].name
        assert same(
            item.generate({count: "5", "rate": "2"} if "rate" in names(item) else {count: "5"}),
            item.generate({count: 5, "rate": 2.0} if "rate" in names(item) else {count: 5}),
        )

    @pytest.mark.parametrize(
        "value", [0, -1, 10**30, 1e300, -1e300, 1e-300, float("nan"), float("inf"), ""]
    )
    def test_extremes_give_a_load_or_are_refused(self, item, value):
        """One parameter at an extreme: a valid load comes out, or an OptionError."""
        count = item.parameters[0].name
        for parameter in item.parameters:
            try:
                load = item.generate({count: 3, parameter.name: value})
            except OptionError:
                continue
            assert isinstance(load, Workload)

    def test_what_does_not_fit_is_refused(self, item):
        """Unknown names, wrong types and numbers out of range are options out of range."""
        count = item.parameters[0].name
        for parameters in ({count: 0}, {count: "many"}, {count: 1.5}, {"no": 1}, {count: True}):
            with pytest.raises(OptionError):
                item.generate(parameters)
        with pytest.raises(OptionError, match="seed"):
            item.generate(seed=-1)


def names(item) -> set[str]:
    """Names of a generator's parameters."""
    return {parameter.name for parameter in item.parameters}


def test_a_wrong_name_is_met_with_the_nearest():
    """Unknown loads are refused with a suggestion."""
    with pytest.raises(OptionError, match="did you mean text2sql"):
        generate("text2sq")
    with pytest.raises(OptionError, match="the loads are independent"):
        generate("zzz")
    assert generate("shared_prefixes", {"requests": 2}).count == 2
    with pytest.raises(OptionError, match="did you mean requests"):
        generate("independent", {"request": 2})


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("independent", {"arrivals": "uniform"}, "no arrivals 'uniform'"),
        ("independent", {"lengths": "azure"}, "no published lengths 'azure'"),
        ("independent", {"rate": -1.0}, "rate is -1"),
        ("independent", {"requests": 100, "rate": 1e-8}, "days"),
        ("burst-lookalike", {"prompt_mean": 1e9}, "power law of mean"),
        ("shared-prefixes", {"skew": 21.0}, "skew is 21"),
        ("shared-prefixes", {"skew": float("inf")}, "skew is inf"),
        ("shared-prefixes", {"question_tokens": 0}, "mean is 0"),
        ("conversations", {"turns": 0.5}, "turns is 0.5"),
        ("agents", {"kind": "chess"}, "no agents 'chess'"),
        ("agents", {"tool_times": "normal"}, "no tool times 'normal'"),
        ("agents", {"hang": 2.0}, "hang is 2"),
        ("agents", {"scale_tokens": 0.0}, "scale_tokens is 0"),
        ("compound", {"kind": "chess"}, "no tasks of kind 'chess'"),
        ("compound", {"rounds": 2000}, "rounds 2000"),
        ("service-mix", {"compound_share": 0.7, "deadline_share": 0.7}, "both is 1.4"),
        ("text2sql", {"slo_scale": -1.0}, "slo_scale is -1"),
    ],
)
def test_parameters_out_of_range_are_refused(name, parameters, message):
    """The parameter at fault is named."""
    with pytest.raises(OptionError, match=message):
        generate(name, parameters)


class TestShared:
    """Prompts that share prefixes."""

    @given(st.integers(0, 1000), GRAIN)
    @settings(max_examples=20)
    def test_requests_share_system_prompt_and_document(self, seed, grain):
        """Pieces are equal if and only if they lie in the same system prompt or document."""
        load = shared_prefixes(
            requests=40,
            systems=3,
            documents=6,
            system_tokens=100,
            document_tokens=80,
            grain=grain,
            seed=seed,
        )
        common = {
            (a, b): shared(load, a, b) * grain for a in range(40) for b in range(40) if a != b
        }
        named = np.diff(load.content_ptr) * grain
        # Two requests share nothing, a system prompt of 100 tokens, or a whole document.
        for (a, b), tokens in common.items():
            whole = tokens == named[a] == named[b]
            assert whole or tokens in (0, 100 // grain * grain)

    def test_conversations_resemble_mooncake(self):
        """Mean prompt and output and ideal hit rate are near those of the published trace."""
        found = describe(conversations(conversations=8000, grain=512, seed=1))
        assert found.prompt.mean == pytest.approx(12035, rel=0.05)
        assert found.output.mean == pytest.approx(343, rel=0.05)
        assert found.sharing.rate == pytest.approx(0.366, abs=0.02)

    @given(st.integers(0, 1000))
    @settings(max_examples=15)
    def test_a_turn_begins_with_all_of_the_turn_before(self, seed):
        """Histories grow by answer and question, and wait for the answer."""
        load = conversations(conversations=20, turns=3.0, seed=seed, grain=32, think=5.0)
        for r in range(load.count):
            for parent in load.parents(r).tolist():
                assert load.program[r] == load.program[parent]
                assert load.prompt[r] > load.prompt[parent] + load.output[parent]
                assert prefix_of(load, r, parent)
        first = np.diff(load.parent_ptr) == 0
        assert first.sum() == 20
        assert len(set(load.program[first].tolist())) == 20

    def test_turns_and_pauses_have_their_means(self):
        """Geometric turns and exponential pauses."""
        load = conversations(conversations=20_000, turns=2.5, context=10**8, think=60.0, grain=4096)
        assert load.count / 20_000 == pytest.approx(2.5, rel=0.03)
        assert load.delay.mean() / S == pytest.approx(60, rel=0.03)
        assert describe(load).rate == pytest.approx(2.1, rel=0.03)

    def test_a_conversation_ends_at_its_context(self):
        """No prompt and answer outgrow the window, and none is lost from the middle."""
        load = conversations(conversations=500, turns=8.0, context=20_000, seed=2)
        assert (load.prompt + load.output).max() <= 20_000
        assert (np.bincount(load.program) >= 1).all()

    def test_a_batch_has_its_degree_of_sharing(self):
        """With equal lengths the share found is that of prefixes after the first of a group."""
        load = offline_batch(
            requests=640, degree=16, prefix_tokens=1600, suffix_tokens=400, spread=0.0, seed=1
        )
        assert not load.arrival.any()
        found = describe(load).sharing
        assert found.tokens == pytest.approx(1600 / 2000 * 15 / 16)
        assert found.rate == pytest.approx(1600 / 2000 * 15 / 16)

    def test_the_order_of_a_batch_may_be_kept(self):
        """Unshuffled, groups stand together; shuffled, the same groups do not."""
        kept, mixed = (
            [shared(load, r, r + 1) > 0 for r in range(159)]
            for load in (
                offline_batch(requests=160, degree=8, shuffled=flag, seed=3)
                for flag in (False, True)
            )
        )
        assert sum(kept) == 140
        assert sum(mixed) < 30

    def test_a_root_is_shared_by_all_groups(self):
        """A root of tokens in front of all prefixes."""
        load = offline_batch(requests=8, degree=1, root_tokens=160, seed=1)
        assert {shared(load, 0, r) for r in range(1, 8)} == {10}


class TestAgents:
    """Sessions with tools."""

    @pytest.mark.parametrize("kind", STATISTICS)
    def test_published_statistics_come_out(self, kind):
        """Turns, tool times and tokens are those that Continuum reports."""
        known = STATISTICS[kind]
        load = agents(sessions=4000, kind=kind, context=10_000_000, grain=65536, seed=1)
        turns = np.bincount(load.program)
        assert turns.mean() == pytest.approx(known.turns[0], rel=0.02)
        assert turns.std() == pytest.approx(known.turns[1], rel=0.06)
        last = np.append(np.diff(load.program[np.argsort(load.program, kind="stable")]), 1) > 0
        order = np.argsort(load.program, kind="stable")
        tokens = (load.prompt + load.output)[order][last]
        assert tokens.mean() == pytest.approx(known.tokens[0], rel=0.03)
        assert tokens.std() == pytest.approx(known.tokens[1], rel=0.1)
        pauses = load.delay / S
        assert pauses.mean() == pytest.approx(known.tool[0], rel=0.06)
        assert pauses.std() == pytest.approx(known.tool[1], rel=0.35)

    @pytest.mark.parametrize("shape", TOOL_TIMES)
    def test_all_tool_times_have_the_mean(self, shape):
        """Shapes differ, means do not."""
        load = agents(sessions=4000, kind="bfcl", tool_times=shape, grain=65536, seed=2)
        assert load.delay.mean() / S == pytest.approx(1.923, rel=0.08)

    @given(st.integers(0, 1000), st.sampled_from(list(STATISTICS)))
    @settings(max_examples=10)
    def test_the_context_grows_and_is_found_again(self, seed, kind):
        """A turn begins with all of the turn before; the last calls no tool."""
        load = agents(sessions=8, kind=kind, scale_tokens=0.05, grain=16, seed=seed)
        end = load.labels.index("end")
        children = np.zeros(load.count, dtype=np.int64)
        for r in range(load.count):
            for parent in load.parents(r).tolist():
                children[parent] += 1
                assert prefix_of(load, r, parent)
                assert load.label[parent] != end
        assert ((children == 0) == (load.label == end)).all()
        # All begin with the one system prompt of 150 tokens.
        assert all(shared(load, 0, r) >= 150 // 16 for r in range(load.count))

    def test_calls_that_hang_do(self):
        """A share of tools takes the time of one that hangs."""
        load = agents(sessions=500, hang=0.05, hang_seconds=600.0, grain=4096, seed=1)
        assert (load.delay == 600 * S).mean() == pytest.approx(0.05, abs=0.02)

    def test_a_context_too_small_is_refused(self):
        """A window that cannot hold the turns is out of range."""
        with pytest.raises(OptionError, match="does not hold"):
            agents(context=3005)
        assert (agents(context=8000).prompt + agents(context=8000).output).max() <= 8000


class TestStages:
    """Workflows and compound tasks."""

    def test_text_to_sql_has_its_published_counts(self):
        """Calls per stage and per query, revisions, keywords, all of 2,000 queries."""
        load = text2sql(queries=2000, seed=1)
        count = {
            name: np.bincount(load.program[load.label == k], minlength=2000)
            for k, name in enumerate(load.labels)
        }
        assert set(count["retriever"].tolist()) == {4}
        assert set(count["candidate"].tolist()) == {2}
        assert set(count["unit_tester"].tolist()) == {3}
        assert set(count["generate_unit_test"].tolist()) == {1}
        assert set(count["evaluate"].tolist()) == {4, 5, 6}
        assert count["keywords"].mean() == pytest.approx(342 / 419, abs=0.04)
        revised = count["revise"]
        assert (revised == 0).mean() == pytest.approx(0.28, abs=0.05)
        assert revised[revised > 0].mean() == pytest.approx(4.7, rel=0.06)
        assert revised.max() == 9
        calls = np.bincount(load.program)
        assert 14 <= calls.min() <= calls.max() <= 28
        assert 16 <= calls.mean() <= 21

    def test_text_to_sql_has_its_published_lengths(self):
        """Medians and means of prompts and outputs by stage."""
        load = text2sql(queries=3000, seed=2)
        for k, stage in enumerate(STAGES):
            for part, law in ((load.prompt, stage.prompt), (load.output, stage.output)):
                mine = part[load.label == k]
                # A prompt is never shorter than its template, which lifts those of revisions.
                assert mine.mean() == pytest.approx(law.mean, rel=0.04)
                assert np.median(mine) == pytest.approx(law.values[2], rel=0.05, abs=1)

    def test_stages_wait_for_all_calls_of_the_stage_before(self):
        """Barriers: evaluations wait for the tester, what follows waits for all of them."""
        load = text2sql(queries=50, seed=3)
        by_name = {name: k for k, name in enumerate(load.labels)}
        for r in range(load.count):
            stage = {int(load.label[p]) for p in load.parents(r).tolist()}
            assert len(stage) <= 1
            assert {int(load.program[p]) for p in load.parents(r).tolist()} <= {
                int(load.program[r])
            }
            if load.label[r] == by_name["evaluate"]:
                assert stage == {by_name["unit_tester"]}
        waiting = np.diff(load.parent_ptr)
        assert set(waiting.tolist()) == {0, 1, 2, 4, 5, 6}
        assert (waiting == 0).sum() == 50
        assert (depths(load) + 1).max() <= 1 + 1 + 3 + 1 + 9 + 3 + 1 + 1

    def test_calls_share_their_stages_template_alone(self):
        """Keywords share 630 tokens, revisions 3,059, candidates one of two templates."""
        load = text2sql(queries=60, seed=4)
        by_name = {
            name: np.flatnonzero(load.label == k).tolist() for k, name in enumerate(load.labels)
        }
        for name, sizes in (
            ("keywords", {630}),
            ("revise", {3059}),
            ("candidate", {0, 5292, 9158}),
        ):
            rows = by_name[name][:30]
            found = {shared(load, a, b) for a in rows for b in rows if a != b}
            assert found == {size // 16 for size in sizes}
        assert not any(len(load.contents(r)) for r in by_name["evaluate"])
        assert shared(load, by_name["keywords"][0], by_name["revise"][0]) == 0

    def test_a_query_has_one_deadline(self):
        """The class of queries is the scale times 52.95 s, or there is none."""
        assert text2sql(queries=2, slo_scale=2.0).slos[0].deadline == 105_900_000_000_000
        assert text2sql(queries=2, slo_scale=0.0).slos == ()

    @pytest.mark.parametrize("kind", KINDS)
    def test_tasks_have_a_deadline_per_stage(self, kind):
        """The class of a task fits the depth it turns out to have."""
        load = compound(tasks=60, kind=kind, rounds=3, seed=1)
        depth = depths(load)
        for program in range(60):
            members = np.flatnonzero(load.program == program)
            stages = int(depth[members].max()) + 1
            (slo,) = {int(k) for k in load.slo[members]}
            assert load.slos[slo].deadline == stages * 20 * S
            plan = members[load.label[members] == 0]
            assert len(plan) == 1
            assert depth[plan[0]] == 0
            assert (load.label[members[depth[members] == stages - 1]] == 3).all()

    def test_research_fans_out_and_comes_together(self):
        """Every reflection waits for between two and `width` searches."""
        load = compound(tasks=80, width=5, rounds=2, seed=1)
        reflect = load.labels.index("reflect")
        fan = np.diff(load.parent_ptr)[load.label == reflect]
        assert set(fan.tolist()) == {2, 3, 4, 5}
        # Searches come 1.5 s after what they wait for, in the mean; the others at once.
        owner = np.repeat(np.arange(load.count), np.diff(load.parent_ptr))
        search = load.label[owner] == load.labels.index("search")
        assert not load.delay[~search].any()
        assert load.delay[search].mean() / S == pytest.approx(1.5, rel=0.2)

    def test_calls_of_a_task_share_its_context(self):
        """All share the template, those of a task the task as well."""
        load = compound(tasks=5, template_tokens=160, seed=2)
        for a in range(load.count):
            for b in range(a):
                common = shared(load, a, b)
                if load.program[a] == load.program[b]:
                    assert common == len(load.contents(a)) == len(load.contents(b)) > 10
                else:
                    assert common == 10

    def test_the_mix_has_three_classes(self):
        """Chats, answers and tasks in equal parts with JITServe's targets."""
        load = service_mix(requests=300, seed=1)
        found = describe(load)
        assert (found.slos["interactive"], found.slos["deadline"]) == (100, 100)
        assert found.programs == 100
        by_name = {slo.name: slo for slo in load.slos}
        assert by_name["interactive"].ttft == 2 * S
        assert by_name["interactive"].tpot == S // 10
        assert by_name["deadline"].deadline == 20 * S
        assert (load.slo >= 0).all()
        assert not load.program[load.label == load.labels.index("chat")].tolist().count(0)
