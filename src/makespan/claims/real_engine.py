"""A real vLLM for experiments: one engine under one policy after the other, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from makespan.claims.outcome import Measurement, Verdict

if TYPE_CHECKING:
    from makespan.serving.policy import Policy
    from makespan.serving.record import Record
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workload import Workload

Said = dict[int, list[int]]
"""Tokens that each request was answered with."""


def unmeasured() -> Measurement:
    """What an experiment with a real engine returns where there is none."""
    return Measurement(
        Verdict.UNCONFIRMED,
        {},
        "Needs a real vLLM and a model: set MAKESPAN_MODEL to a folder that "
        "scripts/prepare_model.py made, and run in an environment with vLLM.",
    )


class Listening:
    """One real engine, warmed up, that serves loads under any policy; a context manager.

    It computes in 32 bits: in 16, two words may be nearer than the rounding of sums, which depends
    on what a prompt is computed together with, so that answers would depend on the schedule.

    Attributes
    ----------
    longest
        Tokens of the longest sequence that it takes.
    """

    def __init__(self, model: Path, settings: EngineSettings) -> None:
        from makespan.serving.policy import Policy
        from makespan.serving.vllm.plugin import scheduler_of
        from makespan.serving.vllm.real import RealEngine

        said: Said = {}

        class Heard(RealEngine):
            """The engine, with a note of what it says."""

            def step(self) -> tuple[list[Any], list[Any]]:
                plans, outputs = super().step()
                for output in outputs:
                    said.setdefault(int(output.request_id), []).extend(output.outputs[0].token_ids)
                return plans, outputs

        self._said = said
        self._make: Callable[[], Policy] = Policy
        self._engine = Heard(model, settings, scheduler=scheduler_of(self._policy), dtype="float32")
        self._engine.warm_up()
        self.longest = self._engine.max_model_len

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()

    def _policy(self) -> Policy:
        return self._make()

    def serve(
        self,
        workload: Workload,
        make: Callable[[], Policy],
        *,
        time_limit: float,
        steps: bool = False,
    ) -> tuple[Record, Said]:
        """Serve a load from an empty cache; what was recorded, and what was said to whom.

        With ``steps`` the record holds every decision and every step.
        """
        self._said.clear()
        self._make = make
        record = self._engine.run(workload, events=steps, log=steps, time_limit=time_limit)
        return record, dict(self._said)


def unlike(one: Said, other: Said) -> int:
    """Requests that were answered differently."""
    return sum(one.get(r) != other.get(r) for r in one.keys() | other.keys())
