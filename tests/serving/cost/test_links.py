"""All-reduces of GPUs without an NVLink switch, against published runs of nccl-tests."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost import model
from makespan.serving.cost.hardware import Figure, Hardware, Line, hardware
from makespan.serving.cost.kernels import Kernels
from makespan.serving.cost.links import (
    COUNTS,
    HOST_PCIE_3,
    HOST_PCIE_4,
    HOST_PCIE_5,
    PEER_PCIE_3,
    PEER_PCIE_4,
    PEER_PCIE_5,
    Ring,
    linked,
    unmeasured,
)

LLAMA = model("Llama-3.1-8B")
PCIE = ("RTX-4090", "RTX-PRO-6000", "L40S", "A10", "A10G", "T4", "A40", "RTX-A6000")
NOTHING = Figure(0.0, "inferred", "none")

KIB, MIB = 1024, 1024 * 1024


def _line(device: Hardware, workers: int) -> Line:
    return Kernels(device, LLAMA).all_reduce(workers)


@cache
def _named(name: str, workers: int) -> Line:
    return _line(hardware(name), workers)


def _seconds(line: Line, size: int) -> float:
    return line.fixed + line.slope * size


def _bare(name: str) -> Hardware:
    """A device without a measured all-reduce, as it comes from a file."""
    device = hardware(name)
    assert device.efficiency is not None
    return replace(device, efficiency=replace(device.efficiency, all_reduce=()))


@pytest.mark.parametrize(
    ("ring", "workers", "measured"),
    [
        (HOST_PCIE_3, 2, ((4 * KIB, 11.8), (16 * KIB, 17.1), (64 * MIB, 16801))),
        (HOST_PCIE_4, 8, ((16 * KIB, 43.1), (64 * KIB, 45.7), (64 * MIB, 7907))),
        (HOST_PCIE_5, 4, ((16 * KIB, 31.1), (64 * MIB, 3709))),
        (PEER_PCIE_3, 4, ((4 * KIB, 14.2), (16 * KIB, 19.2), (64 * MIB, 10712))),
        (PEER_PCIE_4, 4, ((16 * KIB, 21.0), (64 * MIB, 4003))),
    ],
)
def test_rings_are_what_was_measured(ring, workers, measured):
    """Microseconds by bytes, of the runs that the sources name."""
    line = ring.line("card", workers)
    for size, micros in measured:
        assert _seconds(line, size) * 1e6 == pytest.approx(micros, rel=0.2), size


@pytest.mark.parametrize(
    ("ring", "workers", "micros"),
    [
        (HOST_PCIE_3, 2, 279.5),
        (HOST_PCIE_4, 8, 222.8),
        (HOST_PCIE_5, 4, 93.5),
        (PEER_PCIE_3, 4, 156.5),
        (PEER_PCIE_4, 4, 118.6),
    ],
)
def test_a_line_is_coarse_in_between(ring, workers, micros):
    """At 1 MiB NCCL changes its protocol; the line is off by less than 30 %."""
    assert 0.7 < _seconds(ring.line("card", workers), MIB) * 1e6 / micros < 1.2


@given(
    st.sampled_from(PCIE),
    st.integers(0, 1 << 28),
    st.integers(0, 1 << 28),
    st.sampled_from([(2, 4), (4, 8), (2, 8), (8, 16), (8, 12), (3, 4)]),
)
def test_more_bytes_and_more_ranks_take_longer(name, a, b, counts):
    """On every registered card that PCIe joins."""
    few, many = (_named(name, n) for n in counts)
    small, big = sorted((a, b))
    assert _seconds(few, small) <= _seconds(few, big)
    assert _seconds(few, big) <= _seconds(many, big)


@given(st.sampled_from(PCIE), st.sampled_from([2, 3, 4, 6, 8, 16]), st.integers(0, 1 << 30))
def test_no_all_reduce_is_faster_than_its_bus(name, workers, size):
    """Nor than the bridge, of a pair that has one."""
    device = hardware(name)
    bus = device.gpu_link.value if workers == 2 and device.gpu_link.value else 0
    bus = bus or device.host_link.value
    least = 2 * (workers - 1) / workers * size / bus
    assert _seconds(_named(name, workers), size) > least


@pytest.mark.parametrize("ring", [HOST_PCIE_3, HOST_PCIE_4, HOST_PCIE_5])
def test_peers_are_faster_than_the_memory_of_the_host(ring):
    """Of the same bus."""
    peer = {id(HOST_PCIE_3): PEER_PCIE_3, id(HOST_PCIE_4): PEER_PCIE_4}.get(id(ring), PEER_PCIE_5)
    for workers in COUNTS:
        slow, fast = ring.line("card", workers), peer.line("card", workers)
        assert fast.fixed <= slow.fixed
        assert fast.slope < slow.slope


def test_only_what_a_run_gave_is_fitted():
    """Eight RTX 4090 were measured; every other line of these cards is an inference."""
    kinds = {(name, n): _line(hardware(name), n).calibration.kind for name in PCIE for n in COUNTS}
    assert {key for key, kind in kinds.items() if kind == "fitted"} == {("RTX-4090", 8)}
    assert _line(hardware("RTX-4090"), 2).calibration.kind == "inferred"


def test_a_bridge_joins_two():
    """A pair of A40 has NVLink; four of them are as fast as PCIe between the pairs."""
    pair, four = (_line(hardware("A40"), n) for n in (2, 4))
    assert 1 / pair.slope == pytest.approx(47.4e9)
    assert 2 * 3 / 4 / four.slope == pytest.approx(23.7e9)
    assert _line(hardware("A40"), 6).calibration.source == four.calibration.source


def test_cards_in_a_better_server():
    """A device whose peers reach each other, or a ring of one's own."""
    device = linked(hardware("L40S"), PEER_PCIE_4)
    assert _line(device, 4) == PEER_PCIE_4.line("l40s", 4)
    assert _line(device, 4).slope < _line(hardware("L40S"), 4).slope
    own = linked(hardware("RTX-4090"), Ring(0.0, 5e-6, 2.2e9, "nccl-tests of Tuesday"))
    assert 1 / _line(own, 2).slope == pytest.approx(2.2e9)
    assert _line(own, 2).calibration.source == "nccl-tests of Tuesday"
    with pytest.raises(OptionError, match="no GPU"):
        linked(hardware("Xeon-8259CL-8"), PEER_PCIE_4)


def test_counts_that_are_not_held():
    """A ring of another length; twice as many GPUs, about twice as many hops."""
    device = hardware("L40S")
    for workers in (3, 6, 12, 16):
        line, exact = unmeasured(device, workers), HOST_PCIE_4.line("l40s", workers)
        assert line.slope == pytest.approx(exact.slope)
        assert line.fixed == pytest.approx(exact.fixed, rel=0.3)
        assert line.calibration.kind == "inferred"
    switched = hardware("A100-SXM-80GB")
    assert _line(switched, 16).fixed > _line(switched, 8).fixed


def test_devices_of_which_nothing_is_known():
    """45 % of the bus through the host, 70 % of NVLink, or no way at all."""
    assert 1 / _line(_bare("L40S"), 2).slope == pytest.approx(0.45 * 32e9)
    switched = hardware("H100-SXM")
    assert 1 / _line(_bare("H100-SXM"), 2).slope == pytest.approx(0.7 * switched.gpu_link.value)
    lonely = replace(_bare("L40S"), host_link=NOTHING)
    with pytest.raises(OptionError, match="no link to other GPUs"):
        unmeasured(lonely, 2)


@pytest.mark.parametrize(
    ("base", "hop", "bandwidth"), [(-1e-6, 0.0, 1e9), (0.0, -1e-6, 1e9), (0.0, 0.0, 0.0)]
)
def test_impossible_rings_are_refused(base: float, hop: float, bandwidth: float) -> None:
    """No negative latency, no ring without a link."""
    with pytest.raises(OptionError, match="impossible ring"):
        Ring(base, hop, bandwidth, "nothing")
