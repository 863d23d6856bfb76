"""Names of content pieces: from the ids of a trace, from tokens, and at another length or grain.

A workload names a piece so that the name implies all pieces before it. Traces give ids of blocks
that do so (Mooncake) or only say what is in the block itself; both become names here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import TOKEN_LIMIT, Workload


def rows(size: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Pointers (n+1,) of rows of the given sizes, and the row and place of every entry."""
    ptr = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    row = np.repeat(np.arange(len(size), dtype=np.int64), size)
    return ptr, row, np.arange(ptr[-1], dtype=np.int64) - ptr[row]


def chained(ptr: IntArray, keys: IntArray) -> IntArray:
    """Names that imply all before them, from keys that say what is in a piece.

    Keys that imply what is before them already, as Mooncake's do, are kept. Otherwise equal names
    are given to pieces with equal keys so far, depth by depth: O(k log k) for k pieces.

    Parameters
    ----------
    ptr
        Row r is ``keys[ptr[r]:ptr[r + 1]]``, (n+1,).
    keys
        Any integers, (k,).
    """
    if not len(keys):
        return keys
    distinct, code = np.unique(keys, return_inverse=True)
    code = code.astype(np.int64)
    size = np.diff(ptr)
    before = np.concatenate(([-1], code[:-1]))
    before[ptr[:-1][size > 0]] = -1
    expected = np.full(len(distinct), -2, dtype=np.int64)
    expected[code[::-1]] = before[::-1]
    if (before == expected[code]).all():
        return keys
    order = np.argsort(-size, kind="stable")
    begin, size = ptr[:-1][order], size[order]
    name = np.full(len(size), -1, dtype=np.int64)
    names = np.empty(len(keys), dtype=np.int64)
    given = 0
    for depth in range(int(size[0])):
        active = int(np.searchsorted(-size, -depth, side="left"))
        place = begin[:active] + depth
        # Names and codes are both below 2**31, since there are fewer pieces than that.
        pair = (name[:active] + 1) * len(distinct) + code[place]
        found, inverse = np.unique(pair, return_inverse=True)
        name[:active] = given + inverse
        names[place] = name[:active]
        given += len(found)
    return names


def nested(levels: Sequence[tuple[IntArray, IntArray]], grain: int) -> tuple[IntArray, IntArray]:
    """Pointers and names of pieces of texts made of parts, the outer ones shared by more.

    A piece belongs to the first level in which it ends, so that one across a border is shared by
    those alone who share the inner part. Two texts share their first k pieces if and only if they
    have the same keys down to the level that piece k belongs to.

    Parameters
    ----------
    levels
        Outermost first: a key per text (n,), from 0, which implies the keys of the levels
        outside it, and where the level ends in the text, tokens (n,), not before the one outside.
    """
    n = len(levels[0][0])
    counts = [end // grain for _, end in levels]
    ptr, owner, place = rows(counts[-1] if levels else np.zeros(n, dtype=np.int64))
    names = np.empty(len(owner), dtype=np.int64)
    begin = np.zeros(n, dtype=np.int64)
    base = 0
    for (key, _), count in zip(levels, counts, strict=True):
        longest = np.zeros(int(key.max(initial=-1)) + 1, dtype=np.int64)
        np.maximum.at(longest, key, count)
        first = base + np.cumsum(longest) - longest
        here = (place >= begin[owner]) & (place < count[owner])
        names[here] = first[key[owner[here]]] + place[here]
        base += int(longest.sum())
        begin = count
    return ptr, names


def of_tokens(sequences: Iterable[Sequence[int]], grain: int) -> tuple[IntArray, IntArray]:
    """Pointers and names of the full pieces of sequences of token ids."""
    known: dict[bytes, int] = {}
    sizes: list[int] = []
    keys: list[int] = []
    for sequence in sequences:
        count = len(sequence) // grain
        table = np.asarray(sequence[: count * grain], dtype=np.int64).reshape(count, grain)
        sizes.append(count)
        keys.extend(known.setdefault(piece.tobytes(), len(known)) for piece in table)
    ptr = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return ptr, chained(ptr, np.asarray(keys, dtype=np.int64))


def scale_lengths(load: Workload, factor: float, *, grain: int | None = None) -> Workload:
    """The load with prompts, outputs and caps ``factor`` times as long, sharing what they shared.

    Long traces fit small models this way: Mooncake's prompts are 12,000 tokens in the mean. What
    two requests shared shrinks or grows with them; a piece of the new grain that would reach
    beyond what was named is not named.

    Parameters
    ----------
    factor
        From 0.0001 to 10,000; taken as the nearest fraction with a denominator of at most 10,000.
    grain
        Tokens of a piece afterwards. Default: ``factor`` times the grain, rounded down, at least
        1, which names the same pieces as before when that is whole.

    Raises
    ------
    OptionError
        If the factor or the grain is out of range, or a length becomes so.
    """
    if not 1e-4 <= factor <= 1e4:
        raise OptionError(f"lengths times {factor}", hint="from 0.0001 to 10000")
    if grain is not None and not 1 <= grain <= TOKEN_LIMIT:
        raise OptionError(f"pieces of {grain} tokens", hint="at least 1")
    ratio = Fraction(factor).limit_denominator(10_000)
    num, den = ratio.numerator, ratio.denominator
    old = load.grain
    new = grain if grain is not None else max(1, old * num // den)
    prompt, output, cap = (
        np.maximum(1, (2 * part * num + den) // (2 * den))
        for part in (load.prompt, load.output, load.cap)
    )
    if load.count and int(max(prompt.max(), cap.max(), output.max())) > TOKEN_LIMIT:
        raise OptionError(
            f"lengths of {load.name!r} times {factor:g} go beyond {TOKEN_LIMIT} tokens"
        )
    count = np.minimum(
        np.diff(load.content_ptr) * old * num // (den * new), (prompt + output) // new
    )
    ptr, owner, place = rows(count)
    # New piece j ends within old piece `piece`; `first` is the first new piece that does.
    end = -(-(place + 1) * new * den // num)
    piece = -(-end // old) - 1
    first = piece * old * num // (new * den)
    content = load.content[load.content_ptr[owner] + piece]
    share = old * num // (new * den) + 1
    if (place != first).any():
        content = np.unique(content, return_inverse=True)[1] * share + (place - first)
    return replace(
        load,
        prompt=prompt,
        output=output,
        cap=np.maximum(cap, output),
        content_ptr=ptr,
        content=content.astype(np.int64),
        grain=new,
    )
