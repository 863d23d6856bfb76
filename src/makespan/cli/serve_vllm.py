"""``makespan serve-vllm``: vLLM's server with a policy of makespan inside."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _options
from makespan.cli._files import check_targets
from makespan.cli._session import Session

_POLICY = "The policy"
_SERVER = "The server"


def serve_vllm(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a model, or a name that vLLM knows.",
            show_default=False,
        ),
    ],
    vllm_options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- VLLM OPTIONS]",
            help="Options for vLLM, after a double dash: -- --max-num-seqs 64.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            rich_help_panel=_POLICY,
            metavar="NAME",
            help="Policy of the engine; one that needs no knowledge of the future.",
        ),
    ] = "past-future",
    options: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_POLICY,
            metavar="JSON",
            help="Options of the policy, as in Python, as a JSON object.",
            show_default=False,
        ),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_POLICY,
            metavar="NAME:TERM=S,...",
            help="A class that requests may name, in seconds: chat:ttft=1,tpot=0.1; may be "
            "repeated.",
            show_default=False,
        ),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_POLICY,
            metavar="JSON",
            help="Step times, for policies that reckon with them: floor, per_token, per_context, "
            "per_sequence and per_pair in picoseconds.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            rich_help_panel=_POLICY, metavar="N", min=0, help="Seed of a policy that draws."
        ),
    ] = 0,
    host: Annotated[
        str,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="ADDRESS",
            help="Where to listen; another than this machine's own needs a key.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(rich_help_panel=_SERVER, metavar="N", help="Port to listen at.")
    ] = 8000,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="VARIABLE",
            help="Environment variable with the key that clients must give; VLLM_API_KEY, if set, "
            "needs no naming.",
            show_default=False,
        ),
    ] = None,
    api_key_file: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="FILE",
            help="File with that key, which nobody else may read.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", metavar="", help="Show the command and its environment; start nothing."
        ),
    ] = False,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Start vLLM's OpenAI-compatible server with a policy of makespan inside.

    This process becomes the server: Ctrl-C and signals are vLLM's. Needs an environment with vLLM
    (scripts/install_vllm.py makes one). Where --num-gpu-blocks-override and --block-size are given,
    vLLM takes memory for those blocks; otherwise a share of all there is, unless told how much by
    --kv-cache-memory-bytes.
    """
    with Session("serve-vllm", json_target=json, quiet=quiet, debug=debug) as session:
        import os
        import shlex
        import sys

        from makespan.cli._serve_vllm import key_of, policy_spec
        from makespan.serving.vllm.adapter import version
        from makespan.serving.vllm.launching import launch

        check_targets({"--json": json})
        found = launch(
            model,
            policy=policy_spec(policy, options, slo or (), cost, seed),
            host=host,
            port=port,
            key=key_of(api_key_env, api_key_file),
            more=vllm_options or (),
        )
        vllm = None if dry_run else version()
        session.emit(
            {
                "command": list(found.command),
                "policy": found.policy,
                "url": found.url,
                "vllm": vllm,
                "started": not dry_run,
            }
        )
        if dry_run:
            shown = [f"MAKESPAN_POLICY={shlex.quote(found.environment['MAKESPAN_POLICY'])}"]
            session.console.print(" ".join([*shown, shlex.join(found.command)]), soft_wrap=True)
            return
        session.note(f"vLLM {vllm} with policy {policy} at {found.url}")
        amounts = "--kv-cache-memory-bytes", "--gpu-memory-utilization"
        if not any(w.replace("_", "-").startswith(amounts) for w in found.command):
            session.note(
                "vLLM takes a share of all memory and does not start if that is not free; "
                "to give less: -- --kv-cache-memory-bytes N"
            )
        sys.stdout.flush()
        # What the user has set wins, but for the policy and the key.
        chosen = {"MAKESPAN_POLICY", "VLLM_API_KEY"}
        preset = {k: v for k, v in os.environ.items() if k not in chosen}
        os.execve(  # noqa: S606 - a fixed program; its arguments go through no shell
            found.command[0], found.command, {**found.environment, **preset}
        )
