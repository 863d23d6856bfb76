"""Vectorised columns give what Python's own numbers give."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan.serving.workloads._columns as columns
from makespan.core.errors import FormatError
from makespan.io.text import Text
from makespan.serving.workloads._columns import Table

DIGITS = st.text("0123456789", max_size=9)
NUMBERS = st.builds(
    lambda whole, point, part: whole + point + part,
    DIGITS,
    st.sampled_from(["", "."]),
    DIGITS,
).filter(lambda text: re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text))


def column(words: list[str], places: int, pad: str = "") -> list[int]:
    """Column."""
    text = Text("x,y\n" + "".join(f"{pad}{word}{pad},{pad}\n" for word in words), "text")
    return [
        value
        for (field,) in Table(text).blocks(["x"])
        for value in field.decimals(places, 0, 10**12 // 10**places).tolist()
    ]


@given(
    st.lists(NUMBERS, min_size=1, max_size=6), st.integers(0, 6), st.sampled_from(["", " ", "\t  "])
)
def test_decimals_are_exact_and_rounded_half_up(words, places, pad):
    """Decimals are exact and rounded half up."""
    exact = [Decimal(word).scaleb(places) for word in words]
    if (places == 0 and any("." in word for word in words)) or max(exact) > 10**12:
        with pytest.raises(FormatError):
            column(words, places, pad)
    else:
        expected = [int(value.quantize(Decimal(1), ROUND_HALF_UP)) for value in exact]
        if max(expected) <= 10**12:
            assert column(words, places, pad) == expected


@pytest.mark.parametrize(
    "word", ["", ".", "1.2.3", "-1", "+1", "1e", "e5", "0x1", "1_0", "nan", "١", "1 2"]
)
def test_what_is_no_number_is_refused_with_its_line(word):
    """What is no number is refused with its line."""
    with pytest.raises(FormatError, match="line 3: x is"):
        column(["1", word, "2"], 3)


@pytest.mark.parametrize(("word", "value"), [("1e-05", 10), ("2.5E+1", 25_000_000), ("1e3", 10**9)])
def test_exponents_are_understood(word, value):
    """Exponents are understood."""
    assert column(["1", word], 6) == [10**6, value]


@given(st.lists(st.text("ab ü'", max_size=9), min_size=1, max_size=40))
def test_words_are_numbered_as_they_appear(words):
    """Words are numbered as they appear."""
    text = Text("x,y\n" + "".join(f"{word},0\n" for word in words), "text")
    known: dict[bytes, int] = {}
    codes = [
        code
        for (field,) in Table(text).blocks(["x"])
        for code in field.words(known, empty=True).tolist()
    ]
    expected: dict[str, int] = {}
    for word in words:
        word = word.strip()
        if word:
            expected.setdefault(word, len(expected))
    assert codes == [expected.get(word.strip(), -1) for word in words]
    assert [word.decode() for word in known] == list(expected)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(8, 64))
def test_blocks_do_not_matter(values, size):
    """Blocks do not matter."""
    text = Text("x,y\n" + "".join(f"{value},{value % 7}\n" for value in values), "text")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_BLOCK", size)
        parts = [field.integers(0, 10**6) for (field,) in Table(text).blocks(["x"])]
        lines = [field.line for (field,) in Table(text).blocks(["y"])]
    assert np.concatenate(parts).tolist() == values
    assert np.concatenate(lines).tolist() == list(range(2, len(values) + 2))


def test_quotes_are_resolved():
    """Quotes are resolved."""
    text = Text('"x",y\n"1","a, ""b"""\n2,c\n', "text")
    known: dict[bytes, int] = {}
    ((x, y),) = Table(text).blocks(["x", "y"])
    assert x.integers(0, 9).tolist() == [1, 2]
    y.words(known)
    assert list(known) == [b'a, "b"', b"c"]


@pytest.mark.parametrize("text", ['x,y\n"1,2\n', 'x,y\n"1"2,3\n'])
def test_open_quotes_are_refused(text):
    """Open quotes are refused."""
    with pytest.raises(FormatError, match="line 2: quotes"):
        list(Table(Text(text, "text")).blocks(["x"]))


def test_headers_are_checked():
    """Headers are checked."""
    with pytest.raises(FormatError, match="column 'x' occurs twice"):
        Table(Text("x,x\n", "text"))
    with pytest.raises(FormatError, match="no column 'z'"):
        list(Table(Text("x,y\n1,2\n", "text")).blocks(["z"]))
