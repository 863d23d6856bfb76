"""``makespan repair``: mend a plan in execution, at once and then better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from makespan.cli import _complete, _options
from makespan.cli._files import check_targets, write_text
from makespan.cli._session import CANCELLED, NEGATIVE, OK, Session

if TYPE_CHECKING:
    import threading

    from makespan.core.problem import Problem
    from makespan.core.schedule import Schedule
    from makespan.solvers.repair import Disturbance, Repair

_EVENTS = "What has happened"
_OUTPUTS = "Drawings and tables"

Output = dict[str, str | None]


def repair(
    problem: _options.Problem,
    schedule: Annotated[
        str,
        typer.Argument(
            metavar="SCHEDULE",
            help="The plan in execution: what solve or repair wrote with --save, --json or --csv.",
            show_default=False,
        ),
    ],
    now: Annotated[
        int, typer.Option(metavar="T", help="Present time; what began before it stands.")
    ],
    breakdown: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="M1:100-150",
            help="A machine or renewable offers nothing in [100, 150).",
        ),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="R1:100-150=2",
            help="A renewable offers at most 2 in [100, 150).",
        ),
    ] = None,
    late: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="T3:+20",
            help="A running task ends 20 later; one to come starts 20 later at least.",
        ),
    ] = None,
    longer: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=_EVENTS, metavar="T3:+20", help="A task takes 20 more."),
    ] = None,
    finished: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="T3:95",
            help="A running task ended already, at 95 or, without a time, now.",
        ),
    ] = None,
    cancel: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="NAME",
            help="What has not begun of a job or task is left out.",
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="FILE",
            help="Problem file with new jobs and tasks on resources of the same names.",
        ),
    ] = None,
    due: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="NAME:200",
            help="New due date of a job or task, or none.",
        ),
    ] = None,
    deadline: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="NAME:200",
            help="New deadline of a job or task, or none.",
        ),
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_EVENTS,
            metavar="NAME:120",
            help="What has not begun of a job or task may begin from 120 on.",
        ),
    ] = None,
    stability: Annotated[
        str,
        typer.Option(
            metavar="WEIGHT",
            help="What a unit of change costs: after (fewest changes among the best schedules), "
            "0 (no concern), or a weight in the first level.",
        ),
    ] = "after",
    measure: Annotated[
        str,
        typer.Option(
            metavar="moved|change",
            help="A unit of change: a moved task, or a tick by which a start differs.",
        ),
    ] = "moved",
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Engine that improves on the right shift.",
            autocompletion=_complete.engines,
        ),
    ] = "alns",
    time: Annotated[
        str,
        typer.Option(
            "--time", "-t", metavar="SECONDS", help="Wall-clock limit: 1, 30, 1.5m; none."
        ),
    ] = "10",
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="Worker threads.", min=1, show_default="every core"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.", min=0)] = 0,
    objective: _options.Objective = None,
    save: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="The mended schedule."),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_OUTPUTS,
            metavar="FILE",
            help="The rest problem as JSON, for verify, solve and the next repair.",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="Interactive Gantt chart."),
    ] = None,
    json: _options.Json = None,
    input_format: _options.InputFormat = None,
    instance: _options.Instance = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Mend a plan in execution: past fixed, rest planned again with few changes.

    Ctrl-C keeps the best plan so far and writes every output.
    """
    outputs: Output = {"--json": json, "--save": save, "--rest": rest, "--html": html}
    with Session(
        "repair",
        json_target=json,
        quiet=quiet,
        debug=debug,
        stdout_taken="-" in outputs.values(),
    ) as session:
        from makespan.cli._catalogue import check_engine
        from makespan.cli._disturbances import parse_disturbances, parse_stability
        from makespan.cli._sources import load_problem, load_schedule
        from makespan.cli._values import parse_seconds
        from makespan.cli._variants import variant

        limit = parse_seconds(time, "--time")
        weight = parse_stability(stability)
        check_targets(outputs)
        check_engine(engine)
        _options.one_stdin(problem, schedule, *(add or []))
        model, _ = load_problem(problem, form=input_format, instance=instance)
        model = variant(model, objective=objective, blocking=None)
        plan = load_schedule(schedule, model)
        what = parse_disturbances(
            breakdown=breakdown or [],
            capacity=capacity or [],
            late=late or [],
            longer=longer or [],
            finished=finished or [],
            cancel=cancel or [],
            add=add or [],
            due=due or [],
            deadline=deadline or [],
            release=release or [],
        )
        _repair(
            session,
            model,
            plan,
            what,
            now=now,
            outputs=outputs,
            weight=weight,
            measure=measure,
            engine=engine,
            limit=limit,
            threads=threads,
            seed=seed,
        )


def _repair(
    session: Session,
    problem: Problem,
    plan: Schedule,
    what: list[Disturbance],
    *,
    now: int,
    outputs: Output,
    weight: int | None,
    measure: str,
    engine: str,
    limit: float | None,
    threads: int | None,
    seed: int,
) -> None:
    from makespan import verify
    from makespan.cli import _repair_report
    from makespan.cli._progress import make_view
    from makespan.cli._report import title, violation_list
    from makespan.cli._solving import run_watched
    from makespan.solvers.repair import repair as mend

    session.print(title(problem))
    view = make_view(session, problem, time_limit=limit, engine=engine)

    def work(stop: threading.Event) -> Repair:
        return mend(
            problem, plan, now=now, disturbances=what, time_limit=limit, stability=weight,
            measure=measure, engine=engine, threads=threads, seed=seed,
            on_progress=view.report, stop=stop,
        )  # fmt: skip

    mended, stopped = run_watched(view, work)
    violations = [] if mended.schedule is None else verify(mended.problem, mended.schedule)
    exit_code = NEGATIVE if mended.schedule is None or violations else OK
    if stopped:
        exit_code = CANCELLED
    for option, target in outputs.items():
        if target is not None and option != "--json" and mended.schedule is not None:
            write_text(target, _repair_report.text(option, mended), option)
    session.print()
    session.print(_repair_report.summary(mended, violations))
    if violations:
        session.print(violation_list(violations))
    if mended.schedule is not None and not session.quiet:
        session.print()
        session.print(_repair_report.moves(mended))
    session.emit(
        _repair_report.document(
            mended, violations, now=now, limit=limit, stopped=stopped, outputs=outputs
        ),
        exit_code,
    )
    session.finish(exit_code)
