"""``makespan simulate``: runs in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Final

import typer

from makespan.cli import _options
from makespan.cli import _serving_options as options
from makespan.cli._files import STDOUT, check_targets, write_text
from makespan.cli._session import CANCELLED, OK, Session
from makespan.core.errors import OptionError

app = typer.Typer(no_args_is_help=True, help="Run something in virtual time.")

_REAL = "A real run"
_STUDY = "Studies"


@app.command("serving")
def serving(
    context: typer.Context,
    trace: options.Trace = None,
    generate: options.Generate = "independent",
    requests: options.Requests = None,
    rate: options.Rate = None,
    load: options.Share = None,
    cap: options.Cap = None,
    slo: options.Slo = None,
    model: options.Model = "Llama-3.1-8B",
    gpu: options.Gpu = "A100-SXM-80GB",
    tp: options.Tp = 1,
    instances: options.Instances = 1,
    router: options.Router = "least-loaded",
    blocks: options.Blocks = None,
    block_size: options.BlockSize = 16,
    max_num_batched_tokens: options.MaxNumBatchedTokens = 2048,
    max_num_seqs: options.MaxNumSeqs = 256,
    prefix_caching: options.PrefixCaching = True,
    async_scheduling: options.AsyncScheduling = False,
    swap: options.Swap = 0.0,
    offload: options.Offload = 0.0,
    offload_bandwidth: options.OffloadBandwidth = None,
    policy: Annotated[str, typer.Option(metavar="NAME", help="Policy of the engines.")] = "fcfs",
    compare: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Policies to compare it with.", show_default=False),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_REAL,
            metavar="RUN.jsonl",
            help="Replay a recorded run of a real engine and show how far off the simulation is; "
            "--trace may name the load it served, which tells what prompts share.",
            show_default=False,
        ),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_REAL,
            metavar="PART",
            help="Fit step times to the first-half of the run, judging the rest, or to all of it; "
            "default: those of --model on --gpu.",
            show_default=False,
        ),
    ] = None,
    replays: Annotated[
        int,
        typer.Option(rich_help_panel=_REAL, metavar="N", min=10, help="Replays of a fit."),
    ] = 1500,
    capacity: Annotated[
        bool,
        typer.Option(
            "--capacity",
            rich_help_panel=_STUDY,
            metavar="",
            help="Find the highest rate at which each policy keeps every --goal.",
        ),
    ] = False,
    goal: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="GOAL",
            help="Share of requests that must keep --slo, or a percentile in seconds: ttft:p99=2; "
            "may be given several times. Default: 0.95.",
            show_default=False,
        ),
    ] = None,
    warm_up: Annotated[
        float,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="SHARE",
            help="Part of the load, from its beginning, that does not count for --goal.",
        ),
    ] = 0.1,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="AXIS=A,B,...",
            help="Simulate every combination of values: load=0.5,0.9; may be given several times, "
            "for policy, router, rate, load, instances, gpu, blocks and others.",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="FILE.jsonl",
            help="Write each result of --sweep as it comes, and take from the file what is there.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            rich_help_panel=_STUDY, metavar="N", min=1, help="Processes that --sweep uses."
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="ADDRESS",
            help="Ray cluster that --sweep uses instead: auto, host:port, ray://..., or local for "
            "one of this machine alone.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            rich_help_panel=_STUDY,
            metavar="N",
            min=1,
            help="Seeds of --capacity and --sweep, from --seed on.",
        ),
    ] = 1,
    seed: options.Seed = 0,
    html: Annotated[
        str | None,
        typer.Option(
            "--html", metavar="FILE", help="Write charts and tables as a page that works offline."
        ),
    ] = None,
    perfetto: Annotated[
        str | None,
        typer.Option(
            "--perfetto",
            metavar="FILE",
            help="Write every request and its waiting as a trace for ui.perfetto.dev.",
        ),
    ] = None,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Serve a load of language-model requests in virtual time, under one policy or several.

    Times come from a cost model of the model on the hardware; its name and error stand beside the
    figures. The scheduler is vLLM's, step by step.
    """
    with Session(
        "simulate",
        json_target=json,
        quiet=quiet,
        debug=debug,
        stdout_taken=STDOUT in (html, perfetto),
    ) as session:
        import sys

        from makespan.cli._serving import compared, document, drawing, report
        from makespan.serving.scenario import Scenario, operator_cost, prepare

        files = {"--html": html, "--perfetto": perfetto}
        check_targets({**files, "--json": json})
        given = [
            f"--{name.replace('_', '-')}"
            for name in context.params
            if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
        ]
        _one_study(given)
        scenario = Scenario(
            trace=sys.stdin.buffer if trace == STDOUT else trace,
            generate=generate,
            requests=requests,
            rate=rate,
            load=load,
            cap=cap,
            slo=tuple(slo or ()),
            model=model,
            gpu=gpu,
            tp=tp,
            instances=instances,
            blocks=blocks,
            block_size=block_size,
            max_num_batched_tokens=max_num_batched_tokens,
            max_num_seqs=max_num_seqs,
            prefix_caching=prefix_caching,
            async_scheduling=async_scheduling,
            swap=swap,
            offload=offload,
            offload_bandwidth=offload_bandwidth,
            seed=seed,
        )
        if like is not None:
            from makespan.cli import _fidelity

            if calibrate is not None:
                session.note(f"fitting step times in {replays} replays ...")
            found = _fidelity.likeness(
                like,
                trace,
                calibrate,
                lambda peers: operator_cost(scenario, peers),
                named={
                    name: value
                    for name, value in (("model", model), ("gpu", gpu))
                    if f"--{name}" in given
                },
                replays=replays,
                seed=seed,
            )
            session.print(_fidelity.report(found))
            pages = {} if html is None else {"--html": html}
            if html is not None:
                write_text(html, _fidelity.drawing(found, seed), "--html")
            session.emit(_fidelity.document(found, seed, pages))
            return
        names = list(dict.fromkeys([policy, *(compare.split(",") if compare else ())]))
        if sweep:
            from makespan.cli import _sweep
            from makespan.serving.sweep import CaseResult

            cases = _sweep.cases_of(scenario, sweep, names, router=router, seeds=seeds)
            done: list[CaseResult] = []
            cancelled = False
            try:
                _sweep.run(
                    scenario,
                    cases,
                    done,
                    results=results,
                    workers=workers,
                    ray=ray,
                    note=session.note,
                )
            except KeyboardInterrupt:
                if not done:
                    raise
                cancelled = True
            finally:
                # Whatever ends it, what there is is shown.
                if done:
                    session.print(_sweep.report(cases, done, session.console.width))
            exit_code = CANCELLED if cancelled else OK
            session.emit(_sweep.document(cases, done, results, cancelled), exit_code)
            session.finish(exit_code)
            return
        if capacity:
            from makespan.cli import _capacity

            setup, rates, complete = _capacity.search(
                scenario,
                names,
                goal or (),
                router=router,
                warm_up=warm_up,
                seeds=seeds,
                note=session.note,
            )
            session.print(_capacity.report(setup, rates, session.console.width))
            exit_code = OK if complete else CANCELLED
            session.emit(_capacity.document(setup, rates, seed, complete), exit_code)
            session.finish(exit_code)
            return
        setup = prepare(scenario)
        arms, complete = compared(
            session, setup, names, router=router, seed=seed, traced=any(files.values())
        )
        session.print(report(setup, arms, session.console.width))
        written = {option: target for option, target in files.items() if target is not None}
        for option, target in written.items():
            write_text(target, drawing(option, setup, arms, seed), option)
        if not complete:
            session.note(f"stopped by you: {len(arms)} of {len(names)} policies")
        exit_code = OK if complete else CANCELLED
        session.emit(document(setup, arms, seed, written, complete), exit_code)
        session.finish(exit_code)


_STUDIES: Final = ("--like", "--sweep", "--capacity")

_BELONG: Final = {
    "--calibrate": ("--like",),
    "--replays": ("--calibrate",),
    "--offload-bandwidth": ("--offload", "--sweep"),
    "--goal": ("--capacity",),
    "--warm-up": ("--capacity",),
    "--seeds": ("--capacity", "--sweep"),
    "--results": ("--sweep",),
    "--ray": ("--sweep",),
    "--workers": ("--sweep",),
}
"""Options that mean nothing but with one of some others."""

_CLASH: Final = (
    (
        ("--policy", "--compare", "--router", "--generate", "--requests", "--rate", "--load"),
        ("--like",),
        "the load of a run is replayed as its engine served it",
    ),
    (
        (
            *("--cap", "--slo", "--instances", "--blocks", "--block-size"),
            *("--swap", "--offload", "--offload-bandwidth"),
        ),
        ("--like",),
        "the run says what was asked for and how its engine was limited",
    ),
    (("--perfetto",), _STUDIES, "it shows policies on a load"),
    (("--html",), ("--sweep", "--capacity"), "it shows policies on a load, or a run"),
    (("--rate", "--load"), ("--capacity",), "the rate is what is looked for"),
    (("--generate",), ("--trace",), "a load is read or generated"),
)
"""Options, others beside which they would be passed over, and why."""


def _one_study(given: Sequence[str]) -> None:
    """Refuse options that would be passed over: a user who gave one expects something of it.

    Raises
    ------
    OptionError
        If two studies are asked for, or an option that means nothing beside the others.
    """
    asked = [name for name in _STUDIES if name in given]
    if len(asked) > 1:
        raise OptionError(f"{asked[0]} and {asked[1]} are two studies", hint="ask for one")
    for name in given:
        owners = _BELONG.get(name)
        if owners and not set(owners) & set(given):
            raise OptionError(
                f"{name} means nothing here", hint=f"it goes with {' or '.join(owners)}"
            )
    for names, others, why in _CLASH:
        for name, other in product(names, others):
            if name in given and other in given:
                raise OptionError(f"{name} means nothing beside {other}", hint=why)
