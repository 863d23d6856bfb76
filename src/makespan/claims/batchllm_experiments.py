"""What the claims of ``batchllm`` measure; see :mod:`makespan.claims.batchllm`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.real_engine import Listening, unlike, unmeasured

if TYPE_CHECKING:
    from makespan.serving.cost.operator_cost import OperatorCost
    from makespan.serving.policy import Policy
    from makespan.serving.record import Record
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workload import Workload

DEVICES: Final = ("A100-SXM-80GB", "H100-SXM")
MODEL: Final = "llama-3.1-8b"
WIDE: Final = (8192, 1024)
"""Tokens and sequences of a step where memory is meant to be the limit."""

NARROW: Final = (2048, 256)
"""Those that vLLM had by default when the paper was written."""

DEGREE: Final = 16
PREFIXES: Final = (0, 400, 1_000, 2_000, 4_000)
"""Mean tokens of a group's prefix, beside suffixes of 500; 0: nothing is shared."""

FLAT: Final = {
    "flat": ("offline-batch", {"root_tokens": 0, "prefix_tokens": 2000}),
    "root of a twentieth": ("offline-batch", {"root_tokens": 100, "prefix_tokens": 2000}),
    "documents": ("shared-prefixes", {"system_tokens": 200, "document_tokens": 4000}),
}
"""Loads that are nearly flat: of ``shared-prefixes`` each document has 300 prompts (quick: 30)."""

DEEP: Final = {
    "root of a half": ("offline-batch", {"root_tokens": 1000, "prefix_tokens": 2000}),
    "groups of 3": ("offline-batch", {"root_tokens": 500, "degree": 3}),
    "long system prompts": (
        "shared-prefixes",
        {"system_tokens": 2000, "document_tokens": 1000, "documents": 2000},
    ),
}
WITHIN: Final = 0.98
SHARED: Final = 0.4
GAIN: Final = 1.2
SMALL_GAIN: Final = 1.1
MORE_TOKENS: Final = 1.2
CACHED: Final = 0.95
_MANY, _FEW = 4_000, 1_000
_ROWS: Final = {True: 2_000, False: 20_000}


def compare_savings(given: Conditions) -> Measurement:
    """One level against all levels."""
    from makespan.serving.policies.batchllm.greedy import greedy_grouping
    from makespan.serving.policies.batchllm.grouping import best_grouping
    from makespan.serving.policies.batchllm.planning import workload_tree
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.reading import read_workload

    count = _ROWS[given.quick]
    loads = {
        name: generate(kind, {**parameters, "requests": count}, seed=given.seed)
        for name, (kind, parameters) in (FLAT | DEEP).items()
    }
    loads["conversations"] = generate(
        "conversations", {"conversations": count // 4}, seed=given.seed
    )
    loads["agents"] = generate("agents", {"sessions": count // 50}, seed=given.seed)
    if given.data is not None:
        folder = given.data.parent / "serving"
        trace = folder / "mooncake-fast25" / "conversation_trace.jsonl"
        if trace.is_file():
            loads["Mooncake conversations"] = read_workload(trace)
        for path in sorted(folder.glob("*bailian*/*.jsonl")):
            loads[f"Qwen-Bailian {path.stem}"] = read_workload(path)
    measured: dict[str, Figure] = {}
    shares: dict[str, float] = {}
    for name, load in loads.items():
        tree = workload_tree(load)
        ideal = tree.multi_level
        best, greedy = best_grouping(tree).saved, greedy_grouping(tree).saved
        shares[name] = best / ideal
        prompt = int(load.prompt.sum())
        measured[f"{name}: all levels"] = Figure(round(100 * ideal / prompt, 2), "% of prompts")
        measured[f"{name}: one level, exact"] = Figure(round(100 * best / prompt, 2), "%")
        measured[f"{name}: one level, greedy"] = Figure(round(100 * greedy / prompt, 2), "%")
        measured[f"{name}: exact of ideal"] = Figure(round(100 * best / ideal, 1), "%")
        given.say(f"{name}: {100 * shares[name]:.1f} % of {100 * ideal / prompt:.1f} %")
    short = sorted((name for name in shares if shares[name] < WITHIN), key=lambda n: shares[n])
    partly = not set(short) & set(FLAT)
    verdict = Verdict.PARTLY if partly else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if not short else verdict,
        measured,
        "One level loses a common root once per group, so that the loss is small where groups are "
        "large and the root is short, as the paper's load must have been"
        + (f"; below 98 % of the ideal: {', '.join(short)}. " if short else ". ")
        + "Turns of a conversation, each a prefix of the next, are what one level cannot hold."
        + ("" if "Mooncake conversations" in loads else " Without MAKESPAN_DATA no trace is here."),
        seeds=(given.seed,),
    )


def compare_throughput(given: Conditions) -> Measurement:
    """BatchLLM against arrival order, by what is shared."""
    measured: dict[str, Figure] = {}
    gains: dict[tuple[str, int], tuple[float, float]] = {}
    count = _FEW if given.quick else _MANY
    for device in DEVICES[:1] if given.quick else DEVICES:
        for prefix in PREFIXES[::2] if given.quick else PREFIXES:
            load = _batch(prefix, count, given.seed)
            case = _Case(load, device, prefix, count)
            arms = {name: case.serve(*arm) for name, arm in case.arms(main=prefix == 2_000)}
            base = min(arms["arrival order"].makespan, arms["arrival order, narrow"].makespan)
            gain = base / arms["BatchLLM"].makespan
            shared = case.plan.saved / int(load.prompt.sum())
            gains[device, prefix] = shared, gain
            label = f"{device}, {100 * shared:.0f} % shared"
            measured[f"{label}: gain"] = Figure(round(gain, 3), "times")
            for name, record in arms.items():
                if name != "BatchLLM":
                    ratio = record.makespan / arms["BatchLLM"].makespan
                    measured[f"{label}: over {name}"] = Figure(round(ratio, 3), "times")
                given.say(f"{label}, {name}: {record.makespan / 1e12:.1f} s")
            found = int(arms["BatchLLM"].hit.sum()) / int(load.prompt.sum())
            measured[f"{label}: found in the cache"] = Figure(round(100 * found, 1), "%")
            bound = arms["BatchLLM"].makespan / (arms["BatchLLM"].makespan - case.kernel())
            measured[f"{label}: attention kernel, at most"] = Figure(round(bound, 3), "times")
    much = [gain for shared, gain in gains.values() if shared >= SHARED]
    nothing = [gain for shared, gain in gains.values() if shared == 0]
    verdict = Verdict.NOT
    if min(nothing) >= WITHIN and min(much) >= SMALL_GAIN:
        verdict = Verdict.REPRODUCED if min(much) >= GAIN else Verdict.PARTLY
    return Measurement(
        verdict,
        measured,
        f"Gains over the better arrival order are {min(much):.2f} to {max(much):.2f} where 40 % or "
        f"more is shared, and {min(nothing):.2f} to {max(nothing):.2f} where nothing is. Orders "
        "that only keep prefixes together gain most of the first. What admission by memory gains "
        "beside it are preemptions that do not happen, and prompts that come in bursts: fewer "
        "steps in which chunks make the attention of many decodes slower, as the cost model has "
        "it.",
        seeds=(given.seed,),
    )


def compare_batching(given: Conditions) -> Measurement:
    """Tokens per step with batches limited by memory and by numbers."""
    from makespan.serving.policies.batchllm import BatchLLM
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.transform import set_cap

    load = generate(
        "offline-batch",
        {
            "requests": 1_500 if given.quick else _MANY,
            "prefix_tokens": 300, "suffix_tokens": 100, "output_tokens": 400,
        },
        seed=given.seed,
    )  # fmt: skip
    load = set_cap(load, int(load.output.max()))
    measured: dict[str, Figure] = {}
    more: list[float] = []
    faster: list[float] = []
    for device in DEVICES:
        case = _Case(load, device, 0, _MANY)
        plan = case.plan
        wide = case.serve(WIDE, partial(BatchLLM, load, plan))
        engine = case.serve(WIDE, partial(BatchLLM, load, plan, memory=False))
        narrow = case.serve(NARROW, partial(BatchLLM, load, plan, memory=False))
        tokens = [
            (int(load.prompt.sum() - record.hit.sum()) + int(load.output.sum())) / record.steps
            for record in (wide, engine, narrow)
        ]
        more.append(tokens[0] / tokens[2])
        faster.append(narrow.makespan / wide.makespan)
        for name, value, record in zip(
            ("limited by memory", "as the engine admits", "256 sequences, 2,048 tokens"),
            tokens, (wide, engine, narrow), strict=True,
        ):  # fmt: skip
            measured[f"{device}, {name}: tokens per step"] = Figure(round(value, 1))
            seconds = round(record.makespan / 1e12, 1)
            measured[f"{device}, {name}: makespan"] = Figure(seconds, "s")
            preempted = int(record.preemptions.sum())
            measured[f"{device}, {name}: preemptions"] = Figure(preempted)
            given.say(f"{device}, {name}: {value:.0f} tokens per step, {seconds} s")
    partly = Verdict.PARTLY if min(more) >= MORE_TOKENS else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if partly is Verdict.PARTLY and min(faster) > 1 else partly,
        measured,
        f"{min(more):.2f} to {max(more):.2f} times the tokens per step and {min(faster):.2f} to "
        f"{max(faster):.2f} times the throughput of 256 sequences and 2,048 tokens. With the same "
        "wide limits the engine's own admission computes as many tokens per step; what admission "
        "by memory adds there is that fewer are preempted and that prompts come in bursts.",
        seeds=(given.seed,),
    )


class _Case:
    """One load on one device, under several policies."""

    def __init__(self, load: Workload, device: str, prefix: int, count: int) -> None:
        from makespan.serving.cost.memory import kv_blocks
        from makespan.serving.cost.operator_cost import OperatorCost
        from makespan.serving.policies.batchllm.planning import plan_workload, workload_tree

        self.load = load
        self.cost: OperatorCost = OperatorCost.of(device, MODEL)
        own = kv_blocks(
            device, MODEL, max_num_batched_tokens=WIDE[0], max_num_seqs=WIDE[1]
        ) - 1  # fmt: skip
        half = count // DEGREE * prefix // 32
        self.blocks = min(own, half) if half else own * count // _MANY
        self.tree = workload_tree(load)
        self.plan = plan_workload(load)

    def settings(self, limits: tuple[int, int]) -> EngineSettings:
        """Of the engine."""
        from makespan.serving.settings import EngineSettings

        return EngineSettings(
            blocks=self.blocks, max_num_batched_tokens=limits[0], max_num_seqs=limits[1]
        )

    def serve(self, limits: tuple[int, int], make: Callable[[], Policy]) -> Record:
        """The record of a run."""
        from makespan.serving.engine.simulating import simulate_serving

        return simulate_serving(self.load, self.settings(limits), self.cost, policy=make)

    def kernel(self) -> int:
        """Picoseconds that the attention kernel could save."""
        from makespan.serving.policies.batchllm.attention import time_saved

        return time_saved(self.plan, self.load.output, self.cost)

    def arms(self, *, main: bool) -> list[tuple[str, tuple[tuple[int, int], Callable[[], Policy]]]]:
        """Names, limits and policies; ablations only in the main case."""
        from makespan.serving.policies.batchllm import BatchLLM, plan_workload
        from makespan.serving.policies.batchllm.orders import depth_first, lexicographic, ranks
        from makespan.serving.policies.batchllm.policy import InOrder
        from makespan.serving.policy import Policy

        load, plan, tree = self.load, self.plan, self.tree
        arms: list[tuple[str, tuple[tuple[int, int], Callable[[], Policy]]]] = [
            ("arrival order", (WIDE, Policy)),
            ("arrival order, narrow", (NARROW, Policy)),
            ("prefix sorting", (WIDE, lambda: InOrder(ranks(lexicographic(tree))))),
            ("depth-first order", (WIDE, lambda: InOrder(ranks(depth_first(tree))))),
            ("BatchLLM", (WIDE, lambda: BatchLLM(load, plan))),
        ]
        if main:
            none = plan_workload(load, grouping="none", ordering="arrival")
            greedy = plan_workload(load, grouping="greedy")
            by_tree = plan_workload(load, ordering="tree")
            arms += [
                ("it in arrival order", (WIDE, lambda: BatchLLM(load, none))),
                ("it with greedy groups", (WIDE, lambda: BatchLLM(load, greedy))),
                ("it without order by ratio", (WIDE, lambda: BatchLLM(load, by_tree))),
                (
                    "it without admission by memory",
                    (WIDE, lambda: BatchLLM(load, plan, memory=False)),
                ),
                ("it with narrow limits", (NARROW, lambda: BatchLLM(load, plan))),
            ]
        return arms


def _batch(prefix: int, count: int, seed: int) -> Workload:
    """Requests with a prefix in common in groups, all caps alike."""
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.transform import drop_sharing, set_cap

    load = generate(
        "offline-batch", {"requests": count, "prefix_tokens": prefix or 1000}, seed=seed
    )
    load = set_cap(load, int(load.output.max()))
    return load if prefix else drop_sharing(load)


def serve_for_real(given: Conditions) -> Measurement:
    """The same batch in a real engine, in arrival order and as planned."""
    if given.model is None:
        return unmeasured()
    from makespan.serving.policies.batchllm import BatchLLM, plan_workload
    from makespan.serving.policy import Policy
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.transform import set_cap

    groups = 3 if given.quick else 6
    load = generate(
        "offline-batch",
        {
            "requests": 8 * groups, "degree": 8, "prefix_tokens": 384, "suffix_tokens": 32,
            "output_tokens": 8, "spread": 0.2, "grain": 32,
        },
        seed=given.seed,
    )  # fmt: skip
    load = set_cap(load, int(load.output.max()))
    plan = plan_workload(load, block_size=32)
    # A third of the prefixes, which have twelve blocks each.
    settings = EngineSettings(
        blocks=4 * groups + 8, block_size=32, max_num_batched_tokens=512, max_num_seqs=6
    )
    arms: dict[str, Callable[[], Policy]] = {
        "arrival order": Policy,
        "BatchLLM": lambda: BatchLLM(load, plan),
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    hits: dict[str, int] = {}
    measured: dict[str, Figure] = {}
    with Listening(given.model, settings) as engine:
        said = {}
        for turn in range(2):
            for name, make in arms.items():
                record, said[name, turn] = engine.serve(load, make, time_limit=200.0)
                if not record.finished.all():
                    return Measurement(
                        Verdict.UNCONFIRMED, {},
                        "The engine with MAKESPAN_MODEL did not end in 200 s; is the machine busy?",
                    )  # fmt: skip
                seconds[name].append(record.makespan / 1e12)
                hits[name] = int(record.hit.sum())
                given.say(f"{name}: {seconds[name][-1]:.1f} s, {hits[name]} tokens found")
    for name in arms:
        measured[f"{name}: time"] = Figure(round(min(seconds[name]), 2), "s")
        measured[f"{name}: found in the cache"] = Figure(hits[name], "tokens")
    gain = min(seconds["arrival order"]) / min(seconds["BatchLLM"])
    different = unlike(said["arrival order", 0], said["BatchLLM", 0])
    again = unlike(said["arrival order", 0], said["arrival order", 1])
    measured["gain"] = Figure(round(gain, 3), "times")
    measured["planned savings"] = Figure(plan.saved, "tokens")
    measured["answers unlike those of arrival order"] = Figure(different, f"of {load.count}")
    measured["answers of arrival order unlike on repeating"] = Figure(again, f"of {load.count}")
    found = hits["BatchLLM"] >= CACHED * plan.saved
    partly = Verdict.PARTLY if gain >= GAIN and found else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if partly is Verdict.PARTLY and not different else partly,
        measured,
        f"{gain:.2f} times as fast; {hits['BatchLLM']} of {plan.saved} tokens that the plan saves "
        f"were found, {hits['arrival order']} in arrival order. {different} of {load.count} "
        f"greedy answers differ from arrival order's, and {again} when that is repeated.",
        seeds=(given.seed,),
    )
