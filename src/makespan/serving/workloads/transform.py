"""Workloads made from workloads: another rate, mixed, thinner, in classes, in a loop.

Every function returns a new load and says in its ``source`` what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import PICOSECONDS, TIME_LIMIT, TOKEN_LIMIT, Slo, Workload
from makespan.serving.workloads.arrivals import ticks
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import RealArray, Stream
from makespan.serving.workloads.pieces import rows, scale_lengths
from makespan.serving.workloads.trace import Trace

__all__ = [
    "chain_programs",
    "closed_loop",
    "drop_sharing",
    "mix",
    "scale_lengths",
    "scale_rate",
    "set_cap",
    "set_slo",
    "shift",
    "slos_by_share",
    "thin",
]


def scale_rate(load: Workload, factor: float) -> Workload:
    """Arrivals come ``factor`` times as fast; delays stay, being the times of tools and people."""
    return Trace(load, 1).workload(rate_scale=factor) if load.count else load


def shift(load: Workload, seconds: float) -> Workload:
    """All arrivals later (or earlier, if below 0) by a time.

    Raises
    ------
    OptionError
        If an arrival would come before 0 or after the end of time.
    """
    moved = round(seconds * PICOSECONDS) if abs(seconds) < 1e9 else TIME_LIMIT * 2
    if load.count and not (
        int(load.arrival[0]) + moved >= 0 and int(load.arrival[-1]) + moved <= TIME_LIMIT
    ):
        raise OptionError(
            f"{load.name!r} cannot be shifted by {seconds:g} s",
            hint=f"it arrives from {int(load.arrival[0]) / PICOSECONDS:g} s on",
        )
    return _said(replace(load, arrival=load.arrival + moved), f"shifted by {seconds:g} s")


def thin(load: Workload, share: float, *, seed: int = 0) -> Workload:
    """A random share of the load; a program stays or goes as a whole.

    Thinning keeps the process of arrivals what it was where it is Poisson, unlike
    :func:`scale_rate`, which keeps its bursts.
    """
    if not 0 < share <= 1:
        raise OptionError(f"share is {share}", hint="above 0, up to 1")
    draws = Stream(seed, "thin").reals(load.count)
    leader = leaders(load)
    kept = load.take(draws[leader] < share)
    return _said(kept, f"thinned to {share:g}, seed {seed}")


def mix(loads: Sequence[Workload], *, name: str = "mix") -> Workload:
    """The requests of several loads together, each at its own times.

    Labels and SLO classes are joined by name; programs and pieces stay apart. Loads whose pieces
    differ in size are cut to the largest grain where that is a multiple of theirs.

    Raises
    ------
    OptionError
        If there is no load, or two SLO classes of one name differ, or grains do not fit.
    """
    if not loads:
        raise OptionError("there are no loads to mix")
    grain = max([load.grain for load in loads if len(load.content)], default=loads[0].grain)
    slos: dict[str, Slo] = {}
    labels: dict[str, int] = {}
    columns: dict[str, list[IntArray]] = {key: [] for key in (*_PER_REQUEST, *_RELATIONS)}
    requests, programs, names = 0, 0, 0
    for load in loads:
        if len(load.content) and grain % load.grain:
            raise OptionError(
                f"pieces of {load.grain} tokens ({load.name!r}) do not fit pieces of {grain}",
                hint="make them equal with scale_lengths(load, 1, grain=...)",
            )
        part = load if load.grain == grain else scale_lengths(load, 1.0, grain=grain)
        for slo in part.slos:
            if slos.setdefault(slo.name, slo) != slo:
                raise OptionError(f"two SLO classes {slo.name!r} differ")
        slo_names = list(slos)
        slo_map = np.array([slo_names.index(slo.name) for slo in part.slos] + [-1])
        label_map = np.array([labels.setdefault(item, len(labels)) for item in part.labels] + [-1])
        for key in ("arrival", "prompt", "output", "cap", "priority"):
            columns[key].append(getattr(part, key))
        columns["slo"].append(slo_map[part.slo])
        columns["label"].append(label_map[part.label])
        distinct, program = np.unique(part.program, return_inverse=True)
        alone = int(len(distinct) > 0 and distinct[0] == -1)
        columns["program"].append(np.where(part.program < 0, -1, program - alone + programs))
        programs += len(distinct) - alone
        owner = np.repeat(np.arange(part.count), np.diff(part.parent_ptr))
        columns["child"].append(owner + requests)
        columns["parent"].append(part.parent + requests)
        columns["delay"].append(part.delay)
        found, piece = np.unique(part.content, return_inverse=True)
        columns["size"].append(np.diff(part.content_ptr))
        columns["content"].append(piece + names)
        names += len(found)
        requests += part.count
    joined = {key: np.concatenate(value).astype(np.int64) for key, value in columns.items()}
    return assemble(
        name,
        **{key: joined[key] for key in _PER_REQUEST},
        parents=(joined["child"], joined["parent"], joined["delay"]),
        contents=(rows(joined["size"])[0], joined["content"]),
        grain=grain,
        slos=tuple(slos.values()),
        labels=tuple(labels),
        source=f"mix of {'; '.join(f'{load.name} ({load.source})' for load in loads)}",
    )


_PER_REQUEST = ("arrival", "prompt", "output", "cap", "priority", "slo", "program", "label")
_RELATIONS = ("child", "parent", "delay", "size", "content")


def set_slo(
    load: Workload, slo: Slo, where: npt.ArrayLike | Callable[[Workload], npt.ArrayLike]
) -> Workload:
    """Requests that a rule picks get an SLO class; the others keep theirs.

    Parameters
    ----------
    where
        (n,) of bool, or a function of the load that gives it, such as
        ``lambda load: load.prompt > 4096``.
    """
    picked = np.asarray(where(load) if callable(where) else where)
    if picked.shape != (load.count,) or picked.dtype != np.bool_:
        raise OptionError(
            f"the rule gives {picked.dtype} of shape {picked.shape}, not one bool each"
        )
    names = [item.name for item in load.slos]
    if slo.name in names and load.slos[names.index(slo.name)] != slo:
        raise OptionError(f"there is another SLO class {slo.name!r} already")
    slos = load.slos if slo.name in names else (*load.slos, slo)
    index = next(k for k, item in enumerate(slos) if item.name == slo.name)
    return _said(
        replace(load, slo=np.where(picked, index, load.slo), slos=slos), f"SLO {slo.name} by rule"
    )


def slos_by_share(
    load: Workload, shares: Sequence[tuple[Slo | None, float]], *, seed: int = 0
) -> Workload:
    """SLO classes dealt out at random in proportion to shares; a program is of one class.

    Parameters
    ----------
    shares
        Classes (None: no class) with their shares, which are scaled to sum to 1.
    """
    weights = [share for _, share in shares]
    if not shares or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise OptionError(f"shares {weights}", hint="numbers of at least 0, not all of them 0")
    classes = [slo for slo, _ in shares if slo is not None]
    if len({slo.name for slo in classes}) != len(classes):
        raise OptionError("an SLO class occurs twice")
    index = np.array([classes.index(slo) if slo is not None else -1 for slo, _ in shares])
    drawn = index[Stream(seed, "slo").choices(weights, load.count)]
    said = ", ".join(f"{slo.name if slo else 'none'} {share:g}" for slo, share in shares)
    return _said(
        replace(load, slo=drawn[_heads(load)], slos=tuple(classes)),
        f"SLO by share ({said}), seed {seed}",
    )


def set_cap(load: Workload, cap: int) -> Workload:
    """Every request is capped at ``cap`` tokens, or at its output where that is longer.

    What a policy knows then is one nominal limit, as most clients send it.
    """
    if not 1 <= cap <= TOKEN_LIMIT:
        raise OptionError(f"cap is {cap}", hint=f"from 1 to {TOKEN_LIMIT}")
    return _said(replace(load, cap=np.maximum(load.output, cap)), f"cap {cap}")


def drop_sharing(load: Workload) -> Workload:
    """No two requests share anything: the control for what prefix caching brings."""
    none = np.zeros(0, dtype=np.int64)
    return _said(replace(load, content=none, content_ptr=none), "without sharing")


def closed_loop(
    load: Workload, clients: int, *, think: float = 0.0, variable: bool = False, seed: int = 0
) -> Workload:
    """``clients`` send the requests in turn, each its next when the last is answered.

    Request k goes to client k mod ``clients``, so that every client has the same number. The
    first ones are sent at 0; what was a program, or waited, does so no longer. This is the load
    of benchmarks with a fixed concurrency; it never shows a queue longer than ``clients``.

    Parameters
    ----------
    think
        Seconds between an answer and the client's next request.
    variable
        Whether times to think are exponential with that mean instead of constant.
    """
    if clients < 1:
        raise OptionError(f"{clients} clients", hint="at least one")
    pauses = _pauses(max(load.count - clients, 0), think, variable, Stream(seed, "think"))
    child = np.arange(clients, load.count, dtype=np.int64)
    size = (np.arange(load.count) >= clients).astype(np.int64)
    return _said(
        replace(
            load,
            arrival=np.zeros(load.count, dtype=np.int64),
            program=np.full(load.count, -1, dtype=np.int64),
            parent_ptr=np.concatenate(([0], np.cumsum(size))).astype(np.int64),
            parent=child - clients,
            delay=pauses,
        ),
        f"closed loop of {clients} clients, think time {think:g} s"
        + (f" (exponential, seed {seed})" if variable else ""),
    )


def chain_programs(
    load: Workload, *, think: float = 0.0, variable: bool = False, seed: int = 0
) -> Workload:
    """Each request of a program waits for the program's one before it, and then for a pause.

    For traces that state when every turn was sent: with another engine, an answer may come later
    than the next question of the trace. Requests of a program then become due with its first, and
    wait for nothing else. Requests of no program stay as they are.
    """
    position = np.lexsort((np.arange(load.count), load.program))
    same = np.diff(load.program[position]) == 0
    same &= load.program[position][1:] >= 0
    child, parent = position[1:][same], position[:-1][same]
    pause = _pauses(len(child), think, variable, Stream(seed, "think"))
    owner = np.repeat(np.arange(load.count), np.diff(load.parent_ptr))
    free = load.program[owner] < 0
    return _said(
        _rebuilt(
            load,
            arrival=load.arrival[_heads(load)],
            parents=(
                np.concatenate((child, owner[free])),
                np.concatenate((parent, load.parent[free])),
                np.concatenate((pause, load.delay[free])),
            ),
        ),
        f"programs chained, think time {think:g} s"
        + (f" (exponential, seed {seed})" if variable else ""),
    )


def _rebuilt(
    load: Workload, *, arrival: IntArray, parents: tuple[IntArray, IntArray, IntArray]
) -> Workload:
    return assemble(
        load.name,
        **{key: getattr(load, key) for key in _PER_REQUEST} | {"arrival": arrival},
        parents=parents,
        contents=(load.content_ptr, load.content),
        grain=load.grain,
        slos=load.slos,
        labels=load.labels,
        source=load.source,
    )


def _pauses(count: int, think: float, variable: bool, stream: Stream) -> IntArray:
    if not 0 <= think <= 1e6:
        raise OptionError(f"think time {think} s", hint="from 0 to 1,000,000")
    times: RealArray = np.full(count, think)
    return ticks(times * stream.exponentials(count) if variable else times)


def _said(load: Workload, what: str) -> Workload:
    return replace(load, source=f"{load.source}, {what}" if load.source else what)


def _heads(load: Workload) -> IntArray:
    """(n,) first request of the program of each, itself where it is part of none."""
    head = np.arange(load.count, dtype=np.int64)
    member = load.program >= 0
    if member.any():
        _, first, inverse = np.unique(load.program[member], return_index=True, return_inverse=True)
        head[member] = head[member][first][inverse]
    return head


def leaders(load: Workload) -> IntArray:
    """(n,) first request of what each belongs to: its program, or else what it waits for."""
    leader = _heads(load)
    # Parents come first in the arrays, so that theirs are known.
    for r in np.flatnonzero((np.diff(load.parent_ptr) > 0) & (load.program < 0)).tolist():
        leader[r] = leader[load.parent[load.parent_ptr[r]]]
    return leader
