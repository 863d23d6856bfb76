"""What tests of vLLM need: vLLM, or a reason why they do not run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan.core.errors import MissingDependencyError
from makespan.serving.vllm import adapter

# One thread that goes where there is room: several wait for each other in every operator, and a
# step of 30 ms takes seconds when another program has the core of one. Read at the first import.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


@pytest.fixture(scope="session")
def vllm() -> str:
    """Version of an installed vLLM; skips where there is none."""
    try:
        adapter.version()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return adapter.check()


@pytest.fixture(scope="session")
def model() -> Path:
    """Folder of a prepared model; skips where there is none, or no vLLM, which is not imported."""
    try:
        adapter.version()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    folder = os.environ.get("MAKESPAN_MODEL")
    if not folder or not (Path(folder) / "config.json").is_file():
        pytest.skip("no model: set MAKESPAN_MODEL to what scripts/prepare_model.py made")
    return Path(folder)
