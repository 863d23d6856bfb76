"""Records of calibrations: what they say, how they compose, and their JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import FormatError, OptionError
from makespan.serving.cost.calibration.record import Calibration, compose, log_errors

GEMM = Calibration("gemm", "fitted", "table A", 600, 0.04, 0.10, date="2026-11-26")
ATTENTION = Calibration("attention", "fitted", "table B", 100, 0.10, 0.30, date="2026-11-20")
GUESS = Calibration("guess", "inferred", "neighbours")


def test_labels_give_the_band_or_say_that_there_is_none():
    """What is printed beside a figure."""
    assert GEMM.label == "gemm (error 4.0%, p90 10.0%)"
    assert replace(GEMM, held_out=True).label == "gemm (error 4.0%, p90 10.0%, held out)"
    assert GUESS.label == "guess (uncalibrated: inferred)"
    assert Calibration("x", "fitted", "y").label == "x (error unknown)"


def test_errors_of_a_whole_are_weighted_by_time():
    """Three quarters of the time at 4 % and one at 10 %."""
    whole = compose("whole", {GEMM: 3.0, ATTENTION: 1.0})
    assert whole.error == pytest.approx(0.055)
    assert whole.p90 == pytest.approx(0.15)
    assert whole.calibrated
    assert whole.count == 700
    assert whole.date == "2026-11-26"
    assert whole.parts == (GEMM, ATTENTION)


def test_a_whole_is_calibrated_if_nearly_all_of_its_time_is():
    """The rest is said; beyond a tenth the whole counts as inferred."""
    nearly = compose("whole", {GEMM: 95.0, GUESS: 5.0})
    assert nearly.calibrated
    assert nearly.inferred == pytest.approx(0.05)
    assert "5% of the time inferred" in nearly.label
    assert nearly.error == pytest.approx(0.04)
    hardly = compose("whole", {GEMM: 50.0, GUESS: 50.0})
    assert hardly.kind == "inferred"
    assert "uncalibrated" in hardly.label
    with pytest.raises(OptionError, match="nothing"):
        compose("whole", {})


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=2),
    errors=st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=2),
)
def test_relative_error_of_a_sum_is_at_most_the_weighted_mean(
    shares: list[float], errors: list[float]
):
    """The reason for the weights."""
    measured = sum(shares)
    modelled = sum(s * (1 + e) for s, e in zip(shares, errors, strict=True))
    bound = sum(s * abs(e) for s, e in zip(shares, errors, strict=True)) / measured
    assert abs(modelled / measured - 1) <= bound + 1e-12


def test_log_errors_by_hand():
    """Twice too long and twice too short are equally wrong."""
    mean, p90 = log_errors([2.0, 1.0], [1.0, 2.0])
    assert mean == p90 == pytest.approx(0.6931, abs=1e-4)


def test_json_keeps_everything():
    """Records within records, too."""
    whole = compose("whole", {GEMM: 3.0, ATTENTION: 1.0, GUESS: 0.1})
    assert Calibration.from_json(whole.to_json()) == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "measured"}, "kind"),
        ({"error": -0.1}, "error"),
        ({"inferred": 2}, "inferred"),
        ({"date": "yesterday"}, "YYYY-MM-DD"),
        ({"colour": 1}, "unknown field"),
        ({"id": None}, "'id' is missing"),
        ({"version": 9}, "newer"),
        ({"format": "other"}, "format"),
    ],
)
def test_what_is_wrong_is_named(change: dict, message: str):
    """Every field is checked."""
    document = {**json.loads(GEMM.to_json()), **change}
    with pytest.raises(FormatError, match=message):
        Calibration.from_json(json.dumps(document))


@pytest.mark.parametrize(
    "change", [{"kind": "measured"}, {"error": float("nan")}, {"inferred": 1.5}, {"date": "1.2.26"}]
)
def test_impossible_records_are_refused(change: dict):
    """At construction as in files."""
    with pytest.raises(OptionError, match="calibration 'gemm'"):
        replace(GEMM, **change)


def test_records_do_not_nest_without_end():
    """A file of a thousand levels is refused, not recursed into."""
    text = json.loads(GEMM.to_json())
    for _ in range(200):
        text = {**json.loads(GEMM.to_json()), "parts": [text]}
        del text["format"], text["version"]
    text |= {"format": "makespan-calibration", "version": 1}
    with pytest.raises(FormatError, match="at most"):
        Calibration.from_json(json.dumps(text))


WHOLE = compose("whole", {GEMM: 3.0, GUESS: 1.0}).to_json()


@given(
    place=st.integers(0, len(WHOLE)),
    piece=st.sampled_from(["", "0", "-1", "1e999", '"', "{", "}", "[]", "null", ",", "\\ud800"]),
    cut=st.integers(0, 12),
)
def test_damaged_records_are_read_or_refused(place: int, piece: str, cut: int):
    """Nothing but FormatError comes out."""
    try:
        found = Calibration.from_json(WHOLE[:place] + piece + WHOLE[place + cut :])
    except FormatError:
        return
    assert found.label
