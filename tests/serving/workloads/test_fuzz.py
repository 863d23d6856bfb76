"""Damaged texts of every format: a FormatError or a valid workload comes out, nothing else.

``MAKESPAN_FUZZ`` sets the number of mutations (default 2000), ``MAKESPAN_FUZZ_SEED`` their seed.
"""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest

from makespan.core.errors import FormatError
from makespan.io.files import decode
from makespan.serving.workload import Workload
from makespan.serving.workloads import read_workload
from makespan.serving.workloads.llmservingsim import recorded_run
from makespan.serving.workloads.servegen import client, generate
from tests.io.test_fuzz import mutate
from tests.serving.workloads import samples

BUDGET = int(os.environ.get("MAKESPAN_FUZZ", "2000"))
SEED = int(os.environ.get("MAKESPAN_FUZZ_SEED", "20240607"))


def outcome(raw: bytes, format_: str | None) -> str:
    """What becomes of a text; anything but a workload or an error of its format raises."""
    try:
        load = read_workload(raw, format_)
    except FormatError as error:
        if not error.message:
            raise
        return "refused"
    except ValueError as error:
        # A load that is right but lasts longer than a workload can is the one other answer.
        if "lasts" not in str(error):
            raise
        return "refused"
    assert isinstance(load, Workload)
    return "read"


@pytest.mark.parametrize("name", samples.TEXTS)
def test_damage_never_escapes(name):
    """Damage never escapes."""
    format_, text = samples.TEXTS[name]
    rng = np.random.default_rng([SEED, len(name), sum(name.encode())])
    others = [other.encode() for _, other in samples.TEXTS.values()]
    seen = set()
    for _ in range(BUDGET // len(samples.TEXTS)):
        raw = mutate(rng, text.encode(), others[int(rng.integers(len(others)))])
        seen.add(outcome(raw, format_))
        seen.add(outcome(raw, None))
    if BUDGET >= 1000:
        assert seen == {"read", "refused"}


def test_damaged_clients_and_runs_never_escape():
    """Damaged clients and runs never escape."""
    rng = np.random.default_rng(SEED)
    pairs = (
        (samples.SERVEGEN_TRACE.encode(), samples.SERVEGEN_DATASET.encode()),
        (samples.RUN.encode(), samples.RUN_META.encode()),
    )
    seen = set()
    for k in range(BUDGET // 10):
        first, second = pairs[k % 2]
        if rng.integers(2):
            first = mutate(rng, first, second)
        else:
            second = mutate(rng, second, first)
        try:
            one, two = decode(first, "one"), decode(second, "two")
            if k % 2:
                recorded_run(one, two)
            else:
                item = client(one, two)
                fast = max(float(item.rate.max()), 1e-9)
                if item.rate[0] > 0 and item.pattern[0] and item.begin[0] < 100:
                    generate([item], until=100, rate_scale=min(1.0, 2 / fast))
            seen.add("read")
        except FormatError:
            seen.add("refused")
        except ValueError as error:
            if "no client sends anything" not in str(error):
                raise
    if BUDGET >= 1000:
        assert seen == {"read", "refused"}


def test_truncated_and_damaged_gzip_is_refused():
    """Truncated and damaged gzip is refused."""
    packed = gzip.compress(samples.MOONCAKE.encode())
    for cut in (3, 12, len(packed) - 1):
        with pytest.raises(FormatError):
            read_workload(packed[:cut])
    with pytest.raises(FormatError):
        read_workload(packed[:20] + b"\xff" + packed[21:])
