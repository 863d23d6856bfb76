"""Token numbers share exactly what a workload says is shared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from makespan.core.errors import OptionError
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import Workload
from tests.serving.records import workloads


def common(a: list[int], b: list[int]) -> int:
    """Length of the longest common prefix."""
    return next(
        (k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


@given(workloads())
def test_shared_prefixes_are_those_of_the_names(load: Workload) -> None:
    """Two requests have as many first tokens in common as names, and nothing beyond."""
    tokens = Tokens(load)
    whole = [tokens.prompt(r) + tokens.output(r) for r in range(load.count)]
    for r in range(load.count):
        assert len(tokens.prompt(r)) == load.prompt[r]
        assert len(tokens.output(r)) == load.output[r]
    for a, b in combinations(range(load.count), 2):
        names = common(load.contents(a).tolist(), load.contents(b).tolist())
        assert common(whole[a], whole[b]) == names * load.grain
        assert not set(whole[a][names * load.grain :]) & set(whole[b][names * load.grain :])


@given(workloads())
def test_tokens_of_a_request_differ(load: Workload) -> None:
    """Without a vocabulary no number stands for two tokens of one request."""
    tokens = Tokens(load)
    for r in range(load.count):
        whole = tokens.prompt(r) + tokens.output(r)
        assert len(set(whole)) == len(whole)


@given(workloads())
def test_vocabulary_is_kept_and_sharing_too(load: Workload) -> None:
    """Numbers drawn from a vocabulary lie in it and are equal where they must be."""
    free, drawn = Tokens(load), Tokens(load, vocabulary=(3, 11))
    seen: dict[int, int] = {}
    for r in range(load.count):
        for number, one in zip(free.prompt(r), drawn.prompt(r), strict=True):
            assert 3 <= one < 11
            assert seen.setdefault(number, one) == one


@given(workloads())
def test_quotes_are_of_what_was_said(load: Workload) -> None:
    """Who names a piece of an answer gets its words, whatever they were; others are unmoved."""
    before, tokens = Tokens(load), Tokens(load)
    said: dict[int, int] = {}
    for r in range(load.count):
        words = [-k - 1000 * r - 1 for k in range(load.output[r])]
        tokens.learn(r, words)
        for number, word in zip(before.output(r), words, strict=True):
            said.setdefault(number, word)
    private = {n for r in range(load.count) for n in before.output(r)[named(load, r) :]}
    for r in range(load.count):
        quoted = [n if n in private else said.get(n, n) for n in before.prompt(r)]
        assert tokens.prompt(r) == quoted


def named(load: Workload, r: int) -> int:
    """Tokens of an answer that lie in named pieces."""
    return max(len(load.contents(r)) * load.grain - int(load.prompt[r]), 0)


def test_large_vocabulary_separates_blocks() -> None:
    """Of 100,000 private tokens no two blocks of 16 are alike, and all numbers occur alike often."""
    one = np.ones(100, dtype=np.int64)
    tokens = Tokens(Workload("private", 0 * one, 1000 * one, one), vocabulary=(0, 64))
    numbers = [tokens.prompt(r) for r in range(100)]
    blocks = {tuple(n[k : k + 16]) for n in numbers for k in range(0, 992, 16)}
    assert len(blocks) == 100 * 62
    counts = np.bincount(np.concatenate(numbers), minlength=64)
    expected = 100_000 / 64
    # Chi-square with 63 degrees of freedom: beyond 120 once in 60,000 draws.
    assert ((counts - expected) ** 2 / expected).sum() < 120


@pytest.mark.parametrize("vocabulary", [(5, 5), (-1, 4), (9, 2)])
def test_empty_vocabularies_are_refused(vocabulary: tuple[int, int]) -> None:
    """There must be a number to draw."""
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(OptionError, match="no token lies between"):
        Tokens(Workload("one", 0 * one, one, one), vocabulary=vocabulary)
