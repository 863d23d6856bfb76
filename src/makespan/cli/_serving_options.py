"""Options that say which load is served and by which engines, of every command that asks for it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

LOAD: Final = "The load"
"""Panel of the help that options of the load stand in."""

_ENGINE: Final = "The engines"

Trace = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="FILE",
        help="A trace of any known format, told by its content; - for standard input.",
        show_default=False,
    ),
]
Generate = Annotated[
    str,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="NAME[,KEY=VALUE]...",
        help="A generated load, where no trace is given, and its parameters: agents,sessions=50.",
    ),
]
Requests = Annotated[
    int | None,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="N",
        min=1,
        help="Take so many requests.",
        show_default=False,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=LOAD, metavar="R", help="Mean requests per second.", show_default=False
    ),
]
Share = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="SHARE",
        help="The same as a share of what the engines can serve: 0.8.",
        show_default=False,
    ),
]
Cap = Annotated[
    int | None,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="TOKENS",
        min=1,
        help="Longest output that clients accept; default: the longest of the load, if it names "
        "none.",
        show_default=False,
    ),
]
Slo = Annotated[
    list[str] | None,
    typer.Option(
        rich_help_panel=LOAD,
        metavar="TERM=S,...",
        help="What every request asks for in seconds, by ttft, tpot, gap and deadline (of a "
        "program from its first request): ttft=2,tpot=0.1.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of all that is drawn.")]

Model = Annotated[
    str, typer.Option(rich_help_panel=_ENGINE, metavar="NAME", help="Model to serve.")
]
Gpu = Annotated[
    str,
    typer.Option(
        rich_help_panel=_ENGINE,
        metavar="NAME[,NAME]...",
        help="Hardware to serve it on; several make a mixed fleet: A100,L40S.",
    ),
]
Tp = Annotated[
    int, typer.Option(rich_help_panel=_ENGINE, metavar="N", min=1, help="GPUs of one instance.")
]
Instances = Annotated[
    int, typer.Option(rich_help_panel=_ENGINE, metavar="K", min=1, help="Instances on each.")
]
Router = Annotated[
    str,
    typer.Option(rich_help_panel=_ENGINE, metavar="NAME", help="Who sends to which instance."),
]
Blocks = Annotated[
    int | None,
    typer.Option(
        rich_help_panel=_ENGINE,
        metavar="N",
        min=1,
        help="KV blocks of an instance; default: what fits beside the model.",
        show_default=False,
    ),
]
BlockSize = Annotated[
    int, typer.Option(rich_help_panel=_ENGINE, metavar="N", min=1, help="Tokens of a block.")
]
MaxNumBatchedTokens = Annotated[
    int, typer.Option(rich_help_panel=_ENGINE, metavar="N", min=1, help="Tokens of a step.")
]
MaxNumSeqs = Annotated[
    int, typer.Option(rich_help_panel=_ENGINE, metavar="N", min=1, help="Running requests.")
]
PrefixCaching = Annotated[
    bool, typer.Option(rich_help_panel=_ENGINE, metavar="", help="Find prefixes again.")
]
AsyncScheduling = Annotated[
    bool, typer.Option(rich_help_panel=_ENGINE, metavar="", help="Plan a step ahead.")
]
Swap = Annotated[
    float,
    typer.Option(
        rich_help_panel=_ENGINE, metavar="GIB", min=0, help="Host memory for preempted requests."
    ),
]
Offload = Annotated[
    float,
    typer.Option(
        rich_help_panel=_ENGINE,
        metavar="GIB",
        min=0,
        help="Host memory for prefixes that the device evicts.",
    ),
]
OffloadBandwidth = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_ENGINE,
        metavar="GB/S",
        min=0,
        help="Speed at which an instance reads them, as from an SSD; default: the host links'.",
        show_default=False,
    ),
]
