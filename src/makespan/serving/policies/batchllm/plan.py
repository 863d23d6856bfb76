"""The plan of a batch: groups of prompts with one prefix in common each, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.batchllm.tree import PrefixTree

Item = TypeVar("Item")

Ordering = Literal["ratio", "tree", "arrival"]
ORDERINGS: Final = ("ratio", "tree", "arrival")


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that are served together.

    Attributes
    ----------
    prefix
        Tokens that they share; 0 for a request on its own.
    members
        Indices into the batch, similar suffixes side by side.
    """

    prefix: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Groups in the order in which they should be served; lossless to the batch's own order.

    Attributes
    ----------
    order
        (k,) the requests, indices into the batch; all of it unless some were done already.
    ptr
        Group g is ``order[ptr[g]:ptr[g + 1]]``.
    prefix
        Tokens that the members of each group share.
    total
        Requests of the batch.
    prompt
        Tokens of the prompts planned.
    bound
        Tokens saved if every shared token of the batch were computed once.
    """

    order: IntArray
    ptr: IntArray
    prefix: IntArray
    total: int
    prompt: int
    bound: int

    @property
    def saved(self) -> int:
        """Prompt tokens that are not computed, if each group computes its prefix once."""
        return int(((np.diff(self.ptr) - 1) * self.prefix).sum())

    @property
    def rank(self) -> IntArray:
        """(total,) place of each request in the order; ``total`` for those not planned."""
        rank = np.full(self.total, self.total, dtype=np.int64)
        rank[self.order] = np.arange(len(self.order))
        return rank

    @property
    def group(self) -> IntArray:
        """(total,) number of each request's group; -1 for those not planned."""
        group = np.full(self.total, -1, dtype=np.int64)
        group[self.order] = np.repeat(np.arange(len(self.prefix)), np.diff(self.ptr))
        return group

    def __len__(self) -> int:
        return len(self.prefix)

    def __iter__(self) -> Iterator[Group]:
        for g, prefix in enumerate(self.prefix.tolist()):
            yield Group(prefix, tuple(self.order[self.ptr[g] : self.ptr[g + 1]].tolist()))

    def __str__(self) -> str:
        shared = int((self.prefix > 0).sum())
        part = 100 * self.saved / self.prompt if self.prompt else 0.0
        ideal = 100 * self.bound / self.prompt if self.prompt else 0.0
        return (
            f"{len(self.order)} prompts of {self.prompt} tokens: {shared} groups with a prefix in "
            f"common, {len(self) - shared} prompts alone; {self.saved} tokens saved ({part:.1f} %; "
            f"sharing on all levels would save {ideal:.1f} %)"
        )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """What belongs to the requests of the batch, in the order of the plan."""
        self._one_each(items, self.total)
        return [items[r] for r in self.order.tolist()]

    def restore(self, results: Sequence[Item]) -> list[Item]:
        """What came out in the order of the plan, in the order of the batch.

        Raises
        ------
        OptionError
            If there is not one result for each request, or the plan is not of the whole batch.
        """
        self._one_each(results, self.total)
        if len(self.order) != self.total:
            raise OptionError(
                f"the plan has {len(self.order)} of {self.total} requests",
                hint="put the results of its groups where their members say",
            )
        place = self.rank.tolist()
        return [results[k] for k in place]

    def without(self, done: Iterable[int]) -> Plan:
        """What is left to do when some requests are done: to go on after an interruption."""
        finished = np.zeros(self.total, dtype=np.bool_)
        for request in done:
            if not 0 <= request < self.total:
                raise OptionError(f"there is no request {request} in a batch of {self.total}")
            finished[request] = True
        left = ~finished[self.order]
        sizes = np.add.reduceat(left, self.ptr[:-1]) if len(self) else np.zeros(0, dtype=np.int64)
        sizes = sizes.astype(np.int64)
        kept = sizes > 0
        share = left.sum() / len(left) if len(left) else 0.0
        return Plan(
            order=self.order[left],
            ptr=np.concatenate(([0], np.cumsum(sizes[kept]))).astype(np.int64),
            prefix=self.prefix[kept],
            total=self.total,
            prompt=round(self.prompt * share),
            bound=round(self.bound * share),
        )

    def portions(self, requests: int) -> Iterator[tuple[int, ...]]:
        """Requests in portions of whole groups, each of at least so many; the last may have fewer.

        An engine that is handed one portion after the other can be stopped between them.
        """
        if requests < 1:
            raise OptionError(f"portions of {requests} requests", hint="at least 1")
        portion: list[int] = []
        for group in self:
            portion.extend(group.members)
            if len(portion) >= requests:
                yield tuple(portion)
                portion = []
        if portion:
            yield tuple(portion)

    def _one_each(self, items: Sequence[Item], count: int) -> None:
        if len(items) != count:
            raise OptionError(f"{len(items)} items for {count} requests", hint="one each")


def make_plan(
    tree: PrefixTree,
    node: IntArray,
    prompt: IntArray,
    output: IntArray,
    *,
    ordering: Ordering = "ratio",
    capacity: int | None = None,
) -> Plan:
    """Order groups, and cut those that do not fit into memory.

    Groups are sorted by the ratio of what they decode to what they prefill, the largest first, so
    that long decoding begins early and mixes with the prefills of later groups (the paper); of
    equal ratio the one with more tokens first (ours). Within a group the order is that of the
    tree (ours).

    Parameters
    ----------
    node
        (n,) node of the tree whose prefix each request shares, 0 for none.
    prompt, output
        (n,) tokens of each prompt, and expected of each output.
    ordering
        "ratio" as above; "tree": as the prompts are sorted; "arrival": by the first member.
    capacity
        Tokens of KV memory. A group that needs more is cut into parts, one after the other, each
        of which computes the prefix again at the worst; None: no limit.
    """
    if ordering not in ORDERINGS:
        raise OptionError(f"no ordering is called {ordering!r}", hint=", ".join(ORDERINGS))
    n = len(prompt)
    place = np.empty(n, dtype=np.int64)
    place[tree.order] = np.arange(n)
    # A request without a group is one of its own.
    name = np.where(node > 0, node, len(tree.depth) + np.arange(n))
    _, group = np.unique(name, return_inverse=True)
    groups = int(group.max()) + 1 if n else 0
    shared = tree.depth[node]
    prefix = np.zeros(groups, dtype=np.int64)
    prefix[group] = shared
    prefill = prefix + np.bincount(group, prompt - shared, minlength=groups).astype(np.int64)
    decode = np.bincount(group, output, minlength=groups).astype(np.int64)
    begin = np.full(groups, n, dtype=np.int64)
    np.minimum.at(begin, group, np.arange(n) if ordering == "arrival" else place)
    if ordering == "ratio":
        ratio = decode / np.maximum(prefill, 1)
        sequence = np.lexsort((begin, -(prefill + decode), -ratio))
    else:
        sequence = np.argsort(begin, kind="stable")
    turn = np.empty(groups, dtype=np.int64)
    turn[sequence] = np.arange(groups)
    order = np.lexsort((place, turn[group])) if n else np.zeros(0, dtype=np.int64)
    sizes = np.bincount(turn[group], minlength=groups)
    ptr = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    prefix = prefix[sequence]
    if capacity is not None:
        ptr, prefix = _cut(ptr, prefix, (prompt - shared + output)[order], capacity)
    return Plan(order, ptr, prefix, n, int(prompt.sum()), tree.multi_level)


def _cut(
    ptr: IntArray, prefix: IntArray, private: npt.NDArray[np.int64], capacity: int
) -> tuple[IntArray, IntArray]:
    """Groups of which each fits into the capacity, a single member excepted."""
    if capacity < 1:
        raise OptionError(f"a memory of {capacity} tokens", hint="at least 1")
    bounds, prefixes = [0], []
    for g, shared in enumerate(prefix.tolist()):
        begin, end = int(ptr[g]), int(ptr[g + 1])
        held = shared
        for k, tokens in enumerate(private[begin:end].tolist(), begin):
            if held + tokens > capacity and k > bounds[-1]:
                bounds.append(k)
                prefixes.append(shared)
                held = shared
            held += tokens
        bounds.append(end)
        prefixes.append(shared)
    return np.array(bounds, dtype=np.int64), np.array(prefixes, dtype=np.int64)
