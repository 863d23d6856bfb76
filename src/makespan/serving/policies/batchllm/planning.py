"""From prompts to a plan: of token ids or texts for a real engine, or of a simulated load."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.batchllm.greedy import greedy_grouping
from makespan.serving.policies.batchllm.grouping import best_grouping
from makespan.serving.policies.batchllm.plan import Ordering, Plan, make_plan
from makespan.serving.policies.batchllm.tree import SYMBOL, PrefixTree
from makespan.serving.workload import Workload

GroupingRule = Literal["exact", "greedy", "none"]
GROUPING_RULES: Final = ("exact", "greedy", "none")

Prompt = str | Sequence[int] | npt.NDArray[np.integer]

_BLOCK: Final = 16
"""Tokens of a block of vLLM, if nothing else is asked for."""


def plan_batch(
    prompts: Sequence[Prompt],
    *,
    output_tokens: int | Sequence[int] = 1,
    keys: Sequence[object] | None = None,
    block_size: int = _BLOCK,
    capacity: int | None = None,
    grouping: GroupingRule = "exact",
    ordering: Ordering = "ratio",
) -> Plan:
    """In which order an engine with a prefix cache should be given a batch of prompts.

    Parameters
    ----------
    prompts
        Token ids, or texts, of which each character stands for a token.
    output_tokens
        Tokens expected of every output, or of each.
    keys
        What must be equal besides the tokens for two prompts to share any: adapter, cache salt,
        hash of images; None: nothing.
    block_size
        Tokens of a block: prefixes are shared in whole blocks. At least one token of a prompt is
        always computed, because the next one follows from it.
    capacity
        Tokens of KV memory, for cutting groups that do not fit; None: do not.
    grouping
        "exact" saves the most tokens, "greedy" is the paper's rule, "none" only orders.
    ordering
        See :func:`.plan.make_plan`.

    Raises
    ------
    OptionError
        If a prompt is neither text nor token ids, or an option is out of range.

    Examples
    --------
    >>> system, other = [7] * 32, [8] * 32
    >>> plan = plan_batch([system + [1, 2], other + [3], system + [4, 5]], output_tokens=[9, 90, 9])
    >>> [group.members for group in plan], plan.saved
    ([(1,), (0, 2)], 32)
    """
    if block_size < 1:
        raise OptionError(f"blocks of {block_size} tokens", hint="at least 1")
    if isinstance(prompts, str):
        raise OptionError("a single text is no batch", hint="give a list of prompts")
    if len({isinstance(prompt, str) for prompt in prompts}) > 1:
        raise OptionError("some prompts are texts and others token ids", hint="give one kind")
    rows = [_row(r, prompt) for r, prompt in enumerate(prompts)]
    size = np.array([len(row) // SYMBOL for row in rows], dtype=np.int64)
    shareable = [row[: max(len(row) - SYMBOL, 0)] for row in rows]
    tree = PrefixTree.of_rows(shareable, block_size=block_size, keys=_codes(keys, len(rows)))
    return make_plan(
        tree,
        _nodes(tree, grouping),
        size,
        _expected(output_tokens, len(rows)),
        ordering=ordering,
        capacity=capacity,
    )


def plan_workload(
    workload: Workload,
    *,
    output: IntArray | None = None,
    block_size: int = _BLOCK,
    capacity: int | None = None,
    grouping: GroupingRule = "exact",
    ordering: Ordering = "ratio",
) -> Plan:
    """The plan of a load whose requests are all known, by the pieces that they name.

    Parameters
    ----------
    output
        (n,) tokens expected of each output; None: the caps.
    """
    expected = workload.cap if output is None else np.asarray(output, dtype=np.int64)
    if expected.shape != (workload.count,):
        raise OptionError(f"{expected.shape} expected outputs for {workload.count} requests")
    tree = workload_tree(workload, block_size)
    return make_plan(
        tree,
        _nodes(tree, grouping),
        workload.prompt,
        expected,
        ordering=ordering,
        capacity=capacity,
    )


def workload_tree(workload: Workload, block_size: int = _BLOCK) -> PrefixTree:
    """The prefix tree of the prompts of a load, without what can only be shared of outputs."""
    _, codes = np.unique(workload.content, return_inverse=True)
    symbols = codes.astype(f">u{SYMBOL}").tobytes()
    begin = workload.content_ptr[:-1]
    # A prompt is never found whole: the next token follows from its last.
    pieces = np.minimum(np.diff(workload.content_ptr), (workload.prompt - 1) // workload.grain)
    rows = [
        symbols[SYMBOL * a : SYMBOL * (a + k)]
        for a, k in zip(begin.tolist(), pieces.tolist(), strict=True)
    ]
    return PrefixTree.of_rows(rows, grain=workload.grain, block_size=block_size)


def _nodes(tree: PrefixTree, grouping: str) -> IntArray:
    if grouping == "exact":
        return best_grouping(tree).node
    if grouping == "greedy":
        return greedy_grouping(tree).node
    if grouping == "none":
        return np.zeros_like(tree.deepest)
    raise OptionError(f"no grouping is called {grouping!r}", hint=", ".join(GROUPING_RULES))


def _row(index: int, prompt: Prompt) -> bytes:
    """The symbols of a prompt."""
    if isinstance(prompt, str):
        return prompt.encode("utf-32-be", "surrogatepass")
    try:
        ids = array("I", prompt)
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionError(
            f"prompt {index} is neither a text nor token ids: {error}",
            hint=f"token ids are whole numbers from 0 to {2 ** (8 * SYMBOL) - 1}",
        ) from error
    return np.array(ids, dtype=f">u{SYMBOL}").tobytes()


def _codes(keys: Sequence[object] | None, count: int) -> list[int] | None:
    """Numbers of the keys, in the order in which they occur."""
    if keys is None:
        return None
    if len(keys) != count:
        raise OptionError(f"{len(keys)} keys for {count} prompts", hint="one each")
    known: dict[object, int] = {}
    try:
        return [known.setdefault(key, len(known)) for key in keys]
    except TypeError as error:
        raise OptionError(f"a key cannot be compared: {error}", hint="give texts") from error


def _expected(output_tokens: int | Sequence[int], count: int) -> IntArray:
    given = np.asarray(output_tokens)
    if given.ndim == 0:
        given = np.full(count, given)
    if given.shape != (count,) or (count and (given.dtype.kind not in "iu" or given.min() < 0)):
        raise OptionError(
            f"output_tokens of shape {given.shape} for {count} prompts",
            hint="give a whole number of at least 0, or one for each prompt",
        )
    return given.astype(np.int64)
