"""Settings as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.core.pairs import read_pairs, typed_value

KEYS = st.text("abc_", min_size=1, max_size=4)
VALUES = st.text("abc01=.", max_size=6)


@given(st.dictionaries(KEYS, VALUES))
def test_what_is_written_is_read(settings: dict[str, str]) -> None:
    """In its order; only the first sign of a pair divides it."""
    texts = [f" {key.replace('_', '-')} = {value} " for key, value in settings.items()]
    assert list(read_pairs(texts, "x", example="a=1").items()) == list(settings.items())


@given(st.lists(st.text("ab= -", max_size=5), max_size=4))
def test_other_texts_are_refused(texts: list[str]) -> None:
    """With an error for people, and none of another kind."""
    keys = [text.partition("=")[0].strip().replace("-", "_") for text in texts]
    good = all("=" in text for text in texts) and all(keys) and len(set(keys)) == len(keys)
    if good:
        assert list(read_pairs(texts, "the load", example="a=1")) == keys
    else:
        with pytest.raises(OptionError, match=r"^the load: "):
            read_pairs(texts, "the load", example="a=1")


@pytest.mark.parametrize(
    ("text", "wanted", "value"),
    [
        ("3", int, 3),
        ("1e3", float, 1000.0),
        ("ON", bool, True),
        ("0", bool, False),
        ("x", str, "x"),
    ],
)
def test_values_have_the_type_that_is_wanted(text: str, wanted: type, value: object) -> None:
    """Truth has several words."""
    found = typed_value(text, wanted)
    assert (found, type(found)) == (value, wanted)


@pytest.mark.parametrize(("text", "wanted"), [("1.5", int), ("", float), ("maybe", bool)])
def test_what_is_none_of_the_type_is_an_error(text: str, wanted: type) -> None:
    """That callers tell in their words."""
    with pytest.raises(ValueError, match=r".+"):
        typed_value(text, wanted)
