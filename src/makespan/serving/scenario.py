"""Scenario: a load and engines by name, as a command line or a sweep gives them, and made real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO, Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.pairs import read_pairs
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.models import model
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.moving import with_host_memory, with_offload
from makespan.serving.settings import EngineSettings
from makespan.serving.study import at_rate, fleet_drain_rate
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.catalogue import generate, generators
from makespan.serving.workloads.reading import read_workload
from makespan.serving.workloads.transform import set_cap

_TERMS: Final = ("ttft", "tpot", "gap", "deadline")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is to be simulated, in words and numbers.

    Attributes
    ----------
    trace
        File of the load, or an open one; None: it is generated.
    generate
        Generator of the load and its parameters: ``independent,lengths=azure-code``.
    requests
        Take so many; None: all.
    rate, load
        Mean requests per second, or the same as a share of what the engines can serve; None: as the
        load has it.
    cap
        Longest output that clients accept; None: as :func:`prepare` says.
    slo
        What every request asks for: terms such as ``ttft=2`` or ``ttft=2,tpot=0.1``, in seconds.
    model, gpu, tp
        Name of the model, names of the hardware (several with commas make a mixed fleet), and GPUs
        of an instance.
    instances
        Instances on each hardware.
    blocks
        KV blocks of an instance; None: what fits beside the model.
    async_scheduling
        Whether a step is planned while the one before it runs, vLLM's default on GPUs.
    swap
        GiB of host memory of an instance that preempted requests are copied to; 0: they are
        computed again, as in vLLM.
    offload
        GiB of a second tier of an instance's prefix cache, which has what the device has evicted;
        0: that is lost.
    offload_bandwidth
        GB/s at which an instance reads from it, if that is less than its host links carry; None: it
        is not.
    seed
        Of all that is drawn.
    """

    trace: str | BinaryIO | None = None
    generate: str = "independent"
    requests: int | None = None
    rate: float | None = None
    load: float | None = None
    cap: int | None = None
    slo: tuple[str, ...] = ()
    model: str = "Llama-3.1-8B"
    gpu: str = "A100-SXM-80GB"
    tp: int = 1
    instances: int = 1
    blocks: int | None = None
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_num_seqs: int = 256
    prefix_caching: bool = True
    async_scheduling: bool = False
    swap: float = 0.0
    offload: float = 0.0
    offload_bandwidth: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Setup:
    """What is simulated.

    Attributes
    ----------
    gpus, engines, costs
        Hardware, settings and step times of every instance.
    capacity
        Requests per second that all instances serve while requests wait.
    """

    workload: Workload
    gpus: tuple[str, ...]
    engines: tuple[EngineSettings, ...]
    costs: tuple[OperatorCost, ...]
    capacity: float

    @property
    def instances(self) -> int:
        """Number of instances."""
        return len(self.engines)

    @property
    def mixed(self) -> bool:
        """Whether instances differ."""
        return len(set(self.gpus)) > 1

    @property
    def calibration(self) -> str:
        """Where the step times come from, and how far off they are."""
        return "; ".join(dict.fromkeys(cost.calibration.label for cost in self.costs))


def prepare(scenario: Scenario, workload: Workload | None = None) -> Setup:
    """Load, engines and cost model of a scenario.

    A load that names no caps gets one for all, the longest output: a cap that is the length itself
    would tell every policy what none can know.

    Parameters
    ----------
    workload
        The load as :func:`base_load` gives it, if it has been read already.

    Raises
    ------
    OptionError
        If a name is unknown, options contradict each other, or the load is empty or fits nowhere.
    """
    if scenario.rate is not None and scenario.load is not None:
        raise OptionError("rate and load say the same", hint="give one of them")
    if scenario.load is not None and not scenario.load > 0:
        raise OptionError(
            f"the load is {scenario.load}", hint="give a positive share of the capacity"
        )
    if scenario.instances < 1:
        raise OptionError(f"{scenario.instances} instances", hint="there must be at least one")
    fleet = [
        (gpu, *_engine(scenario, gpu))
        for gpu in gpus_of(scenario)
        for _ in range(scenario.instances)
    ]
    gpus, engines, costs = zip(*fleet, strict=True)
    workload = base_load(scenario) if workload is None else workload
    if not workload.count:
        raise OptionError(f"the load {workload.name!r} has no requests")
    if scenario.cap is not None:
        workload = set_cap(workload, scenario.cap)
    elif np.array_equal(workload.cap, workload.output):
        workload = set_cap(workload, int(workload.output.max()))
    capacity = fleet_drain_rate(workload, engines, costs)
    rate = scenario.rate if scenario.load is None else scenario.load * capacity
    if rate is not None:
        workload = at_rate(workload, rate)
    if scenario.slo:
        workload = replace(
            workload,
            slos=(slo_of(scenario.slo),),
            slo=np.zeros(workload.count, dtype=np.int64),
        )
    return Setup(workload, gpus, engines, costs, capacity)


def gpus_of(scenario: Scenario) -> list[str]:
    """Full names of the hardware that a scenario lists.

    Raises
    ------
    OptionError
        If one is not known.
    """
    return [hardware(name.strip()).name for name in scenario.gpu.split(",")]


def _engine(scenario: Scenario, gpu: str) -> tuple[EngineSettings, OperatorCost]:
    """Settings and step times of an instance on some hardware."""
    blocks = scenario.blocks or kv_blocks(
        hardware(gpu),
        model(scenario.model),
        scenario.tp,
        block_size=scenario.block_size,
        max_num_batched_tokens=scenario.max_num_batched_tokens,
        max_num_seqs=scenario.max_num_seqs,
    )
    settings = EngineSettings(
        blocks=blocks,
        block_size=scenario.block_size,
        max_num_batched_tokens=scenario.max_num_batched_tokens,
        max_num_seqs=scenario.max_num_seqs,
        enable_prefix_caching=scenario.prefix_caching,
        async_scheduling=scenario.async_scheduling,
    )
    cost = operator_cost(replace(scenario, gpu=gpu))
    if scenario.swap:
        settings = with_host_memory(settings, cost, scenario.swap * 2**30)
    if scenario.offload:
        bandwidth = scenario.offload_bandwidth
        settings = with_offload(
            settings,
            cost,
            scenario.offload * 2**30,
            None if bandwidth is None else bandwidth * 1e9,
        )
    elif scenario.offload_bandwidth is not None:
        raise OptionError(
            "a bandwidth of what is offloaded, and nothing is", hint="say how many GiB (offload)"
        )
    return settings, cost


def operator_cost(scenario: Scenario, peers: int = 1) -> OperatorCost:
    """Step times of the model on the one hardware, its experts spread over so many GPUs."""
    return _operator_cost(
        scenario.gpu,
        scenario.model,
        scenario.tp,
        scenario.max_num_batched_tokens,
        scenario.max_num_seqs,
        peers,
    )


@lru_cache(maxsize=16)
def _operator_cost(
    gpu: str, name: str, tp: int, tokens: int, sequences: int, peers: int
) -> OperatorCost:
    return OperatorCost.of(
        hardware(gpu),
        model(name),
        tp,
        tokens=tokens,
        sequences=sequences,
        expert_parallel=peers > 1,
        peers=peers,
    )


def base_load(scenario: Scenario) -> Workload:
    """The load as its file or generator has it: before caps, rates and terms."""
    if scenario.trace is not None:
        return read_workload(scenario.trace, limit=scenario.requests, seed=scenario.seed)
    name, *words = scenario.generate.split(",")
    parameters: dict[str, Any] = {
        **read_pairs(words, f"the load {name}", example="lengths=azure-code")
    }
    requests = scenario.requests
    counted = any(
        p.name == "requests" for g in generators() if g.name == name for p in g.parameters
    )
    if requests is not None and counted:
        parameters.setdefault("requests", requests)
    workload = generate(name, parameters, seed=scenario.seed)
    if requests is not None and requests < workload.count:
        workload = workload.take(np.arange(requests))
    return workload


def slo_of(terms: Sequence[str]) -> Slo:
    """The class of terms such as ``ttft=2,tpot=0.1``, in seconds.

    Raises
    ------
    OptionError
        If one is none.
    """
    example = "ttft=2 or tpot=0.1, in seconds"
    words = (word for text in terms for word in text.split(","))
    limits: dict[str, int] = {}
    for key, text in read_pairs(words, "what requests ask for", example=example).items():
        try:
            seconds = float(text)
        except ValueError:
            seconds = float("nan")
        if key not in _TERMS or not 0 < seconds < 1e6:
            raise OptionError(
                f"what requests ask for: {f'{key}={text}'!r} is no term",
                hint=f"such as {example}; there are {', '.join(_TERMS)}",
            )
        limits[key] = round(seconds * PICOSECONDS)
    return Slo("all", **limits)
