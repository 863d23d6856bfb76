"""Devices: what is registered, and devices in files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import FormatError, OptionError
from makespan.io.text import Text
from makespan.serving.cost import hardware as module
from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.devices import DEVICES
from makespan.serving.cost.hardware import (
    AttentionEfficiency,
    Figure,
    Hardware,
    Line,
    hardware,
    hardware_names,
    register,
)
from makespan.serving.cost.hardware_json import read_hardware, write_hardware

RECORD = Calibration("test", "inferred", "made up")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Registrations of one test are not seen by others."""
    before = dict(module._REGISTERED)
    yield
    module._REGISTERED.clear()
    module._REGISTERED.update(before)


# Peaks from the vendor's data sheets: TFLOP/s dense 16-bit, GB/s, GiB.
SHEETS = {
    "A100-SXM-80GB": (312, 2039, 80),
    "H100-SXM": (989, 3350, 80),
    "H200-SXM": (989, 4800, 141),
    "L40S": (362, 864, 48),
    "RTX-4090": (165.2, 1008, 24),
    "A40": (149.7, 696, 48),
    "RTX-A6000": (154.8, 768, 48),
    "T4": (65, 320, 16),
}


@pytest.mark.parametrize("name", SHEETS)
def test_peaks_are_those_of_the_data_sheets(name: str):
    """Peaks are those of the data sheets."""
    device = hardware(name)
    found = (device.compute.value / 1e12, device.bandwidth.value / 1e9, device.memory.value / 2**30)
    assert found == pytest.approx(SHEETS[name])


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_every_constant_has_a_source(device: Hardware):
    """Every constant has a source."""
    for item in fields(device):
        value = getattr(device, item.name)
        if isinstance(value, Figure):
            assert value.source
    if device.efficiency is None:
        assert device.kind == "cpu"
        return
    parts = [getattr(device.efficiency, item.name) for item in fields(device.efficiency)][:-1]
    records = [part.calibration for part in parts]
    records += [line.calibration for _, line in device.efficiency.all_reduce]
    for record in records:
        assert record.source
        assert (record.error is not None) == (record.kind == "fitted")
        assert record.kind != "fitted" or (record.count >= 40 and record.p90 >= record.error > 0)


@pytest.mark.parametrize(
    ("short", "name"),
    [("a100", "A100-SXM-80GB"), ("A6000", "RTX-A6000"), ("4090", "RTX-4090"), ("A10", "A10")],
)
def test_a_part_of_a_name_will_do(short: str, name: str):
    """If only one device has it, and no device is called so."""
    assert hardware(short).name == name
    with pytest.raises(OptionError, match="A100-SXM-80GB and A800-SXM-80GB"):
        hardware("80GB")
    with pytest.raises(OptionError, match="no hardware ''"):
        hardware("")


def test_unmeasured_devices_say_so():
    """Unmeasured devices say so."""
    for name in ("L40S", "A10", "T4"):
        assert hardware(name).efficiency.gemm.calibration.kind == "inferred"
    assert hardware("H100-SXM").efficiency.gemm.calibration.kind == "fitted"
    assert hardware("H100-SXM").efficiency.attention.calibration.kind == "inferred"


def test_unknown_names_list_the_known():
    """Unknown names list the known."""
    with pytest.raises(OptionError, match=r"no hardware 'TPU'.*H100-SXM.*RTX-4090"):
        hardware("TPU")
    assert hardware("h100-sxm") is hardware("H100-SXM")


def test_registered_devices_are_found_once():
    """Registered devices are found once."""
    own = replace(hardware("L40S"), name="Mine")
    register(own)
    assert hardware("mine") is own
    assert "Mine" in hardware_names()
    with pytest.raises(OptionError, match="there already"):
        register(own)
    with pytest.raises(OptionError, match="there already"):
        register(replace(own, name="rtx-4090"))


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_files_keep_everything(device: Hardware):
    """Files keep everything."""
    assert read_hardware(Text(write_hardware(device), "d.json")) == device


OWN = {
    "format": "makespan-hardware",
    "version": 1,
    "name": "Mine",
    "kind": "gpu",
    "like": "H100-SXM",
    "compute": {"value": 5e14, "kind": "specification", "source": "its data sheet"},
    "bandwidth": {"value": 2e12, "kind": "specification", "source": "its data sheet"},
    "efficiency": {"gemm": {"fixed": 5e-6, "compute": 0.7, "memory": 0.9, "q": 1.5}},
}


def test_what_a_file_leaves_out_is_borrowed_and_marked():
    """What a file leaves out is borrowed and marked."""
    own = read_hardware(Text(json.dumps(OWN), "own.json"))
    assert own.efficiency.gemm.compute == 0.7
    assert own.efficiency.experts.memory == hardware("H100-SXM").efficiency.experts.memory
    assert own.efficiency.norm.calibration.kind == "inferred"
    assert own.memory.kind == "inferred"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"like": "TPU"}, "no hardware 'TPU'"),
        ({"like": None}, "no efficiency of 'experts'"),
        ({"kind": "tpu"}, "found 'tpu'"),
        ({"compute": None}, "computes nothing"),
        ({"bandwidth": {"value": -1}}, "bandwidth"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"efficiency": {"gemm": {"fixed": 1, "compute": 0, "memory": 1, "q": 1}}}, "impossible"),
        ({"efficiency": {"magic": 1}}, "unknown field 'magic'"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change: dict, message: str):
    """What is wrong with a file is named."""
    with pytest.raises(FormatError, match=message):
        read_hardware(Text(json.dumps({**OWN, **change}), "own.json"))


WHOLE = write_hardware(hardware("A100-SXM-80GB"))


@given(place=st.integers(0, len(WHOLE)), piece=st.sampled_from(
    ["", "0", "-1", "1e999", '"', "{", "}", "[", "null", ",", "fitted", "9" * 40]),
    cut=st.integers(0, 12))  # fmt: skip
def test_damaged_files_are_read_or_refused(place: int, piece: str, cut: int):
    """Damaged files are read or refused."""
    try:
        found = read_hardware(Text(WHOLE[:place] + piece + WHOLE[place + cut :], "d.json"))
    except FormatError:
        return
    assert found.bandwidth.value > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Figure(-1.0, "specification", "x"), "a figure is -1"),
        (lambda: Figure(1.0, "guessed", "x"), "a figure is 'guessed'"),
        (lambda: Line(-1.0, 0.0, RECORD), "impossible line"),
        (lambda: AttentionEfficiency(0, 0, 0, 0, 0, 1, 1, 0, RECORD), "impossible attention"),
        (lambda: AttentionEfficiency(0, 0, 1, 0, 0, 1, 1, -1, RECORD), "impossible attention"),
        (lambda: replace(hardware("T4"), kind="tpu"), "is a 'tpu'"),
        (lambda: replace(hardware("T4"), bandwidth=Figure(0.0, "inferred", "x")), "no bandwidth"),
        (lambda: replace(hardware("T4"), efficiency=None), "computes nothing"),
    ],
)
def test_impossible_devices_are_refused(make: Callable[[], object], message: str):
    """At construction, with the reason."""
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_ring_passes_each_part_to_all(workers: int):
    """Twice around less two hops, each with one part of the message: 16 GB/s and 20 us a hop."""
    line = dict(hardware("RTX-PRO-6000").efficiency.all_reduce)[workers]
    message = 1e6
    hops = 2 * (workers - 1)
    expected = hops * (20e-6 + message / workers / 16e9)
    assert line.fixed + line.slope * message == pytest.approx(expected)
    assert line.calibration.kind == "inferred"
