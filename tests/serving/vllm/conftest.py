"""What tests of vLLM need: vLLM, or a reason why they do not run."""

from __future__ import annotations

import pytest

from makespan.core.errors import MissingDependencyError
from makespan.serving.vllm import adapter


@pytest.fixture(scope="session")
def vllm() -> str:
    """Version of an installed vLLM; skips where there is none."""
    try:
        adapter.version()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return adapter.check()
