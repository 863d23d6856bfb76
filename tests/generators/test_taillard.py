"""Taillard's benchmarks equal the published files, shown by digests and, if present, the files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.validation import validate
from makespan.generators.known import best_known
from makespan.generators.named import instance_names, named_instance
from makespan.generators.taillard import Lehmer, canonical_name
from makespan.generators.traps import trap_names
from makespan.io import read

DIGESTS = {
    "ta01": "2613682b9ca0369597d46e77923beb5edb9744b6621b9018b14ff99fe7428e0f",
    "ta11": "23f186bb628c8031ea6519a24b4b244be363ec3c242b377ce24da3c966616a65",
    "ta21": "b6224977568dee61a850bf1e706e5edf0e20f4e0339d03420d1bd99c892d50af",
    "ta31": "9435779a5041afc8b469d727da1ea073fabb7540302761fb060170b1b11992c3",
    "ta41": "f684c652ad89c35b1bc2a422894a9ad5ea5feca3e8d080f4a394b170173610c0",
    "ta51": "d1e4842a3313cb836ddc69939639c2bbf2492697e871818ed3facdb941a8bbb9",
    "ta61": "1a0f902f9ac55c11019c42618edddde0b03b9eb162d5809f7ae45c6472306c8f",
    "ta71": "6379a7f8bb110ba5de62ab4d5467d76e64650de5111d445542a0e8f28ebe5394",
    "tfs001": "dea919ed18eea77290f6aa5be30296ede36b48216397a3da26a05dd96d821542",
    "tfs011": "1be712bf79e0e1b62621258c8fdb016a9aa6a43b5b7d7fb3d3de392132acaf77",
    "tfs021": "0b097fe8cce2ed03d20d49105c1bb3ac405ebfb586068839f2b7df8ecbb9353a",
    "tfs031": "f48808ac119ade5262365cdbc091b00986a69687df52463942f65c87c8be5a46",
    "tfs041": "f0734cd1a077102f6ad3a0a3c272e4178bf2163385a23b0b6f85cfd5b770b569",
    "tfs051": "25a1105562ec9d075619a9042419253e63d4c802d2a2e69edf064f2f33d85fc7",
    "tfs061": "1f162085f801fd75f2b26133a3ee560ed4f9661534c0e4651cef3ce407c68a5a",
    "tfs071": "a05695cc19a6f7f3388b566fcd7949c09e26172130b9f645c47094c77223de45",
    "tfs081": "a7f837166f1271a37bbb990ac888d12c11383940485426d8f80667e17b6823b4",
    "tfs091": "d96e3e9787b5a3b15d4c73f51d1b11811f48f283a7d47ae84cd37ba616fa400a",
    "tfs101": "6c8b6b1b83cd932226abf2991c9e3007aa283d51475d28b41ae2ed12fdf550a1",
    "tfs111": "e1435d2d8ccbbd21b765f474ee1ab48089ba629c540795a3bd980d283967ee20",
    "tos4x4": "675cfc587375e785448a6f6738bf7deb485750128ad30ebce3ed6d36eaf06b9e",
    "tos5x5": "98adb46d565905dcb88a3f507d39771297308d1d622f8cdab6b3d11bc5a2f266",
    "tos7x7": "82c92b695a373310877a545fd07b6a009d4faffc657ab4d5584c07b2fc1f1e33",
    "tos10x10": "17de82bb530e7137f07d62be67a7896a69ed080a5721e63b808b0ec2f67b1543",
    "tos15x15": "3daec406a288b662759ec562cd4bac767eb4c0645f9801cee227e62fec7656a6",
    "tos20x20": "e6a0c8d689bccb7316e242c4d43a21d14082717812d674d894ac745e1c795603",
    "ft": "32fcb51eea15ddacab1f5f8bda7a8835d10453225b9b2535c93ec9cf66c12080",
    "la": "a0812ebfeeccc3aa19a53d22e8636cde4a02a85376a57eaaf21369d6beb250bb",
}
"""SHA-256 of the machine and time matrices of each group of instances; the very instances were
compared with the files of ScheduleOpt/benchmarks when these were written."""

OPEN_SIZES = (4, 5, 7, 10, 15, 20)


def matrices(problem: Problem) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Machine and time matrices (jobs, operations) of a shop."""
    jobs = problem.jobs.count
    machine = problem.modes.demand_resource.astype(np.int64).reshape(jobs, -1)
    return machine, problem.modes.duration.reshape(jobs, -1)


def groups() -> dict[str, list[str]]:
    """Names of the instances by group of one size."""
    made = {f"ta{k:02d}": [f"ta{i:02d}" for i in range(k, k + 10)] for k in range(1, 81, 10)}
    made |= {f"tfs{k:03d}": [f"tfs{i:03d}" for i in range(k, k + 10)] for k in range(1, 121, 10)}
    made |= {f"tos{m}x{m}": [f"tos{m}x{m}_{k}" for k in range(1, 11)] for m in OPEN_SIZES}
    made |= {"ft": ["ft06", "ft10", "ft20"], "la": [f"la0{k}" for k in range(1, 6)]}
    return made


@pytest.mark.parametrize("group", list(groups()))
def test_digests(group: str) -> None:
    """Every group of named instances hashes to the digest on record."""
    digest = hashlib.sha256()
    for name in groups()[group]:
        for matrix in matrices(named_instance(name)):
            digest.update(np.array(matrix.shape, dtype="<i8").tobytes())
            digest.update(matrix.astype("<i8").tobytes())
    assert digest.hexdigest() == DIGESTS[group]


def numbers(path: Path) -> tuple[int, int, npt.NDArray[np.int64]]:
    """Header and remaining numbers of a plain instance file."""
    words = np.array(path.read_text().split(), dtype=np.int64)
    return int(words[0]), int(words[1]), words[2:]


@pytest.mark.data
@pytest.mark.parametrize("group", list(groups()))
def test_files(group: str, data_dir: Path) -> None:
    """Every named instance equals its public data file, number for number."""
    for name in groups()[group]:
        machine, duration = matrices(named_instance(name))
        if name.startswith("tos"):
            path = data_dir / "ossp" / "taillard" / f"ta{name.removeprefix('tos')}os.txt"
            jobs, count, values = numbers(path)
            expected = np.broadcast_to(np.arange(count), (jobs, count)), values.reshape(jobs, count)
        else:
            folder = {"tf": "pfsp/taillard", "ta": "jssp/ta", "ft": "jssp/ft", "la": "jssp/la"}
            file = f"{name}js" if name.startswith("ta") else name
            jobs, count, values = numbers(data_dir / folder[name[:2]] / f"{file}.txt")
            pairs = values.reshape(jobs, count, 2)
            expected = pairs[:, :, 0], pairs[:, :, 1]
        assert np.array_equal(machine, expected[0]), name
        assert np.array_equal(duration, expected[1]), name


def benchmarks() -> list[str]:
    """Names of the instances from the literature."""
    return [name for names in groups().values() for name in names]


def test_every_name_builds_and_is_valid() -> None:
    """Each listed name is distinct and builds a valid problem of that name."""
    names = instance_names()
    assert len(set(names)) == len(names) == 8 + 80 + 120 + 60 + len(trap_names())
    for name in benchmarks():
        problem = named_instance(name)
        assert problem.name == name
        validate(problem)


def test_bounds_respect_the_instance() -> None:
    """Machine loads and job lengths never exceed the best-known upper value."""
    for name in benchmarks():
        machine, duration = matrices(named_instance(name))
        load = np.bincount(machine.ravel(), weights=duration.ravel()).max()
        job = duration.sum(axis=1).max()
        known = best_known(name)
        assert known is not None
        assert max(load, job) <= known.upper
        assert known.lower <= known.upper
        assert known.optimal == (known.lower == known.upper)
        assert known.source
        assert known.date


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ta01js", "ta01"),
        ("TA080", "tfs080"),
        ("ta001", "tfs001"),
        ("ta120", "tfs120"),
        ("ta4x4_10os", "tos4x4_10"),
        (" FT06 ", "ft06"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    """File names and upper case lead to the same instance."""
    assert canonical_name(alias) == name
    assert named_instance(alias) == named_instance(name)
    assert best_known(alias) == best_known(name)


@pytest.mark.parametrize("name", ["ta00", "ta81", "ta121", "tfs000", "tos4x4_0", "tos4x5_1", "x"])
def test_unknown_names(name: str) -> None:
    """Names that do not exist are refused with a hint, and have no known value."""
    with pytest.raises(OptionError, match="no built-in instance"):
        named_instance(name)
    assert best_known(name) is None


@pytest.mark.data
@pytest.mark.parametrize("name", ["ft06", "ta11", "tfs001", "tos5x5_3"])
def test_reading_the_file_gives_the_same_problem(name: str, data_dir: Path) -> None:
    """A schedule of the named instance also fits the file: all names and tables agree."""
    path = {
        "ft06": "jssp/ft/ft06.txt",
        "ta11": "jssp/ta/ta11js.txt",
        "tfs001": "pfsp/taillard/tfs001.txt",
        "tos5x5_3": "ossp/taillard/ta5x5_3os.txt",
    }[name]
    problem = read(data_dir / path)
    assert replace(problem, name=name) == named_instance(name)


def test_lehmer_first_value_by_hand() -> None:
    """The generator reproduces the check value of Park and Miller: 10,000 steps from seed 1."""
    generator = Lehmer(1)
    for _ in range(10_000):
        generator.integer(1, 99)
    assert generator.state == 1_043_618_065


@pytest.mark.parametrize("seed", [0, -1, 2**31 - 1])
def test_lehmer_rejects_seeds_outside_its_group(seed: int) -> None:
    """Seeds the generator cannot leave or reach are errors."""
    with pytest.raises(OptionError, match="not in 1"):
        Lehmer(seed)


def test_a_permutation_schedule_of_tfs056_beats_the_table_it_came_from() -> None:
    """The upper value of tfs056 is that of a permutation, evaluated here."""
    order = [
        14, 37, 3, 18, 8, 33, 11, 21, 42, 5, 13, 49, 50, 20, 28, 45, 43, 41, 46, 15, 24, 44, 40,
        36, 39, 4, 16, 47, 17, 27, 1, 26, 10, 19, 32, 25, 30, 7, 2, 31, 23, 6, 48, 22, 29, 34, 9,
        35, 38, 12,
    ]  # fmt: skip
    _, duration = matrices(named_instance("tfs056"))
    done = np.zeros(20, dtype=np.int64)
    for job in order:
        moment = 0
        for machine in range(20):
            moment = max(moment, int(done[machine])) + int(duration[job - 1, machine])
            done[machine] = moment
    assert sorted(order) == list(range(1, 51))
    known = best_known("tfs056")
    assert known is not None
    assert done[-1] == known.upper == 3680
