"""``makespan load``: a workload against a server."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _options
from makespan.cli import _serving_options as options
from makespan.cli._files import check_targets
from makespan.cli._session import CANCELLED, NEGATIVE, OK, Session

_SERVER = "The server"


def load(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="An OpenAI-compatible server, such as http://127.0.0.1:8000; /v1 is added where "
            "no path is given.",
            show_default=False,
        ),
    ],
    trace: options.Trace = None,
    generate: options.Generate = "independent",
    requests: options.Requests = None,
    rate: options.Rate = None,
    clients: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=options.LOAD,
            metavar="N",
            min=1,
            help="A closed loop of so many clients, each sending when it has been answered.",
        ),
    ] = None,
    think: Annotated[
        float,
        typer.Option(
            rich_help_panel=options.LOAD,
            metavar="S",
            min=0.0,
            help="Seconds between an answer and the client's next request, with --clients.",
        ),
    ] = 0.0,
    cap: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=options.LOAD,
            metavar="TOKENS",
            min=1,
            help="Longest output that clients accept, with --hang-up; default: the longest of the "
            "load, if it names none.",
        ),
    ] = None,
    slo: options.Slo = None,
    seed: options.Seed = 0,
    model: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="NAME",
            help="Model to ask for; default: the only one of the server.",
            show_default=False,
        ),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="VARIABLE",
            help="Environment variable that holds the server's key.",
            show_default=False,
        ),
    ] = None,
    dialect: Annotated[
        str,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="vllm|openai",
            help="vllm asks for exact lengths and token numbers; openai has only what every "
            "server knows.",
        ),
    ] = "vllm",
    hints: Annotated[
        bool,
        typer.Option(
            "--hints",
            rich_help_panel=_SERVER,
            metavar="",
            help="Tell a policy of makespan in vLLM program, label and SLO class of requests.",
        ),
    ] = False,
    hang_up: Annotated[
        bool,
        typer.Option(
            "--hang-up",
            rich_help_panel=_SERVER,
            metavar="",
            help="Ask for the cap and hang up at the load's length, so that the server does not "
            "know it.",
        ),
    ] = False,
    vocabulary: Annotated[
        str,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="FIRST,END",
            help="Numbers of tokens that prompts are made of.",
        ),
    ] = "256,32000",
    timeout: Annotated[
        float,
        typer.Option(
            rich_help_panel=_SERVER,
            metavar="S",
            help="Seconds after which a client gives its request up.",
        ),
    ] = 600.0,
    time: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0.0,
            help="Seconds after which the run is ended, whatever is open then.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_requests.jsonl",
            help="Keep the run for `makespan simulate serving --like`.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="Limits of the server's engine, kept with the run: "
            "max_num_seqs=8,max_num_batched_tokens=256; blocks and block_size are asked of vLLM.",
            show_default=False,
        ),
    ] = None,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Play a load against a server of language models and measure what its clients get.

    Requests are sent when they are due, however busy the server is; stages and sessions when what
    they wait for has ended. Ctrl-C ends the run and shows what was measured. Exit code 1 means that
    no request was answered.
    """
    with Session("load", json_target=json, quiet=quiet, debug=debug) as session:
        from pathlib import Path

        from makespan.cli._line import Line
        from makespan.cli._load import Wish, document, keep, prepare, progress_text, report
        from makespan.serving.load.playing import play
        from makespan.serving.load.saving import meta_path

        beside = None if save is None else str(meta_path(Path(save)))
        check_targets({"--json": json, "--save": save, "the file beside --save": beside})
        wish = Wish(
            url=url,
            trace=trace,
            generate=generate,
            requests=requests,
            rate=rate,
            clients=clients,
            think=think,
            cap=cap,
            slo=tuple(slo or ()),
            seed=seed,
            model=model,
            key_variable=api_key_env,
            dialect=dialect,
            hints=hints,
            hang_up=hang_up,
            timeout=timeout,
            vocabulary=vocabulary,
            engine=engine,
        )
        plan = prepare(wish)
        line = Line(session)
        try:
            run = play(
                plan.workload,
                plan.client,
                time_limit=time,
                on_progress=lambda at: line.say(progress_text(at)),
            )
        finally:
            line.close()
        session.print(report(run, plan))
        outputs = {}
        answered = bool(run.record.finished.any())
        if save is not None and answered:
            keep(run, plan, save)
            outputs["--save"] = save
        exit_code = CANCELLED if run.cancelled else OK if answered else NEGATIVE
        session.emit(document(run, plan, wish, outputs), exit_code)
        session.finish(exit_code)
