"""The policy that a vLLM server was started with, and what a live server can tell it.

Named by ``--additional-config '{"makespan": ...}'`` or, without that, the environment variable
``MAKESPAN_POLICY``: the name of a policy of the catalogue, or an object as JSON with

- ``policy``: its name;
- ``options``: its options, as in Python;
- ``seed``: for policies that draw numbers, 0 by default;
- ``slos``: SLO classes that requests may name, each with ``name`` and any of ``ttft_s``,
  ``tpot_s``, ``gap_s``, ``deadline_s``, in seconds;
- ``cost``: step times, for policies that reckon with them: ``floor``, ``per_token``,
  ``per_context``, ``per_sequence``, ``per_pair`` of :class:`LinearCost`, in picoseconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from makespan.core.errors import MakespanError, OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.policies.live import live_policy
from makespan.serving.policy import Policy
from makespan.serving.vllm.clients import Clock, LiveClients
from makespan.serving.workload import PICOSECONDS, Slo

VARIABLE: Final = "MAKESPAN_POLICY"
"""Environment variable with the policy of a server."""

_KEYS: Final = ("policy", "options", "seed", "slos", "cost")
_TERMS: Final = tuple(f"{item.name}_s" for item in fields(Slo) if item.name != "name")
_TERMS_COST: Final = tuple(item.name for item in fields(LinearCost))


def policy_of_server(config: Any, clock: Clock) -> tuple[Policy, LiveClients]:
    """The policy that a server's configuration or environment names, and its clients.

    Parameters
    ----------
    config
        vLLM's configuration, of which ``additional_config`` is read.

    Raises
    ------
    OptionError
        If none is named, there is none of that name, it needs the future, or the options are wrong.
    """
    more = config.additional_config
    if isinstance(more, Mapping) and "makespan" in more:
        return policy_from(more["makespan"], clock, "additional_config")
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        raise OptionError(
            "no policy for vLLM's scheduler",
            hint=f'set {VARIABLE}, or --additional-config \'{{"makespan": "NAME"}}\'',
        )
    return policy_from(text, clock, VARIABLE)


def policy_from(given: object, clock: Clock, source: str) -> tuple[Policy, LiveClients]:
    """The policy that is described, and its clients.

    Parameters
    ----------
    given
        A name, an object, or either as text.
    source
        Where it was given, for messages.

    Raises
    ------
    OptionError
        If it describes no policy that a live server can have.
    """
    spec = _spec(given, source)
    slos = tuple(_slo(item, source) for item in _list(spec, "slos", source))
    clients = LiveClients(clock, slos)
    seed = spec.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise OptionError(f"{source}: seed is {seed!r}", hint="give a number, at least 0")
    options = _object(spec.get("options", {}), "options", None, source)
    try:
        return live_policy(spec["policy"], clients, _cost(spec, source), seed, options), clients
    except OptionError as error:
        raise OptionError(f"{source}: {error}") from None


def _spec(given: object, source: str) -> Mapping[str, Any]:
    if isinstance(given, str):
        text = given.strip()
        if not text.startswith("{"):
            return {"policy": text}
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"{source} is no JSON: {error}") from None
    spec = _object(given, source, _KEYS, source)
    if not isinstance(spec.get("policy"), str):
        raise OptionError(f"{source} names no policy", hint='give "policy" a name')
    return spec


def _object(
    value: object, what: str, keys: tuple[str, ...] | None, source: str
) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise OptionError(f"{source}: {what} is no object")
    unknown = [] if keys is None else sorted(set(value) - set(keys))
    if unknown:
        raise OptionError(
            f"{source}: unknown {', '.join(unknown)}", hint=f"there are {', '.join(keys or ())}"
        )
    return value


def _list(spec: Mapping[str, Any], key: str, source: str) -> list[object]:
    value = spec.get(key, [])
    if not isinstance(value, list):
        raise OptionError(f"{source}: {key} is no list")
    return value


def _slo(value: object, source: str) -> Slo:
    item = _object(value, "a class of slos", ("name", *_TERMS), source)
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise OptionError(f"{source}: an SLO class has no name")
    terms = {}
    for term in _TERMS:
        if (seconds := item.get(term)) is None:
            continue
        if not isinstance(seconds, (int, float)) or not 0 < seconds < 1e6:
            raise OptionError(f"{source}: {term} of {name!r} is {seconds!r}", hint="give seconds")
        terms[term.removesuffix("_s")] = round(seconds * PICOSECONDS)
    try:
        return Slo(name, **terms)
    except MakespanError as error:
        raise OptionError(f"{source}: {error}") from None


def _cost(spec: Mapping[str, Any], source: str) -> LinearCost | None:
    if spec.get("cost") is None:
        return None
    terms = _object(spec["cost"], "cost", _TERMS_COST, source)
    return LinearCost(**{**dict.fromkeys(_TERMS_COST, 0), **terms})
