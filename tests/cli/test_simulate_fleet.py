"""``makespan simulate serving`` on a mixed fleet."""

from __future__ import annotations

from tests.cli.conftest import Check, Invoke

QUERIES = ("simulate", "serving", "--generate", "text2sql,queries=4,grain=256")


def test_hardware_in_a_list_makes_a_mixed_fleet(invoke: Invoke, checked: Check) -> None:
    """Each kind has its own memory and times, and is named by a part of its name."""
    words = (*QUERIES, "--gpu", "A100,A100,A6000", "--router", "hexgen")
    document = checked(invoke(*words, "--policy", "hexgen-urgency", "--json", "-").stdout)
    assert document["instances"] == 3
    first, second = document["fleet"]
    assert (first["gpu"], first["instances"]) == ("A100-SXM-80GB", 2)
    assert (second["gpu"], second["instances"]) == ("RTX-A6000", 1)
    assert first["blocks"] > second["blocks"] > 0
    assert "RTX-A6000" in document["calibration"]
    assert document["policies"][0]["fates"]["finished"] == document["load"]["requests"]
    text = invoke(*words).output
    assert "2 x A100-SXM-80GB (" in text


def test_instances_are_so_many_of_each(invoke: Invoke, checked: Check) -> None:
    """Two of each of two kinds; capacities add up."""
    capacities = {}
    for gpu, each in (("A100", "2"), ("L40S", "2"), ("A100,L40S", "2")):
        words = (*QUERIES, "--gpu", gpu, "--instances", each, "--json", "-")
        document = checked(invoke(*words).stdout)
        capacities[gpu] = document["capacity"]
        assert [kind["instances"] for kind in document["fleet"]] == [2] * (gpu.count(",") + 1)
    assert capacities["A100,L40S"] == capacities["A100"] + capacities["L40S"]


def test_unknown_hardware_in_a_list_is_refused(invoke: Invoke) -> None:
    """By its name, before anything is simulated."""
    result = invoke(*QUERIES, "--gpu", "A100,TPU")
    assert result.exit_code == 2
    assert "no hardware 'TPU'" in result.stderr
