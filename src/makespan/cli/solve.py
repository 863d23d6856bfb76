"""``makespan solve``: find a schedule, prove what can be proved, write it in every form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from makespan.cli import _complete, _options
from makespan.cli._files import check_targets, write_text
from makespan.cli._session import CANCELLED, NEGATIVE, OK, Session

if TYPE_CHECKING:
    from makespan.cli._explaining import Explained
    from makespan.core.errors import MakespanError
    from makespan.core.problem import Problem
    from makespan.core.result import Result
    from makespan.core.schedule import Schedule

DEFAULT_TIME = "60"

_OUTPUTS = "Drawings and tables"

Output = dict[str, str | None]


def solve(
    problem: _options.Problem,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, local, cpsat, alns, dispatch, rolling, ray or a plug-in.",
            autocompletion=_complete.engines,
        ),
    ] = "auto",
    time: Annotated[
        str,
        typer.Option(
            "--time",
            "-t",
            metavar="SECONDS",
            help="Wall-clock limit: 30, 1.5m, 2h; none searches until the optimum is proved.",
        ),
    ] = DEFAULT_TIME,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="Worker threads.", min=1, show_default="every core"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.", min=0)] = 0,
    objective: _options.Objective = None,
    blocking: _options.Blocking = None,
    hint: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Schedule to start from."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            metavar="",
            help="Say why: the conflict if infeasible, else critical path, bottlenecks, slack.",
        ),
    ] = False,
    html: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="Interactive Gantt chart."),
    ] = None,
    svg: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="Gantt chart as a picture."),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="Schedule as a table."),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_OUTPUTS, metavar="FILE", help="Schedule for verify and --hint."
        ),
    ] = None,
    perfetto: Annotated[
        str | None,
        typer.Option(rich_help_panel=_OUTPUTS, metavar="FILE", help="Trace for ui.perfetto.dev."),
    ] = None,
    json: _options.Json = None,
    input_format: _options.InputFormat = None,
    instance: _options.Instance = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Find the best schedule, verify it, prove what can be proved.

    Ctrl-C keeps the best schedule so far and writes every output.
    """
    outputs = {
        "--json": json, "--html": html, "--svg": svg, "--csv": csv, "--save": save,
        "--perfetto": perfetto,
    }  # fmt: skip
    with Session(
        "solve",
        json_target=json,
        quiet=quiet,
        debug=debug,
        stdout_taken="-" in outputs.values(),
    ) as session:
        from makespan.cli._catalogue import check_engine
        from makespan.cli._sources import load_problem, load_schedule
        from makespan.cli._values import parse_seconds
        from makespan.cli._variants import idle_terms, variant

        limit = parse_seconds(time, "--time")
        check_targets(outputs)
        check_engine(engine)
        _options.one_stdin(problem, hint)
        model, name = load_problem(problem, form=input_format, instance=instance)
        model = variant(model, objective=objective, blocking=blocking)
        for term in idle_terms(model):
            session.note(f"makespan: warning: nothing has a due date, so {term} is always 0")
        start_from = None if hint is None else load_schedule(hint, model)
        _solve(
            session,
            model,
            name,
            changed=blocking is not None,
            outputs=outputs,
            explain=explain,
            engine=engine,
            limit=limit,
            default_limit=time == DEFAULT_TIME,
            threads=threads,
            seed=seed,
            hint=start_from,
        )


def _solve(
    session: Session,
    problem: Problem,
    name: str | None,
    *,
    changed: bool,
    outputs: Output,
    explain: bool,
    engine: str,
    limit: float | None,
    default_limit: bool,
    threads: int | None,
    seed: int,
    hint: Schedule | None,
) -> None:
    from makespan import verify
    from makespan.cli import _report
    from makespan.cli._best_known import known_document, known_makespan
    from makespan.cli._documents import problem_document, result_document, violation_documents
    from makespan.cli._explaining import explanation
    from makespan.cli._progress import make_view
    from makespan.cli._solving import run_engine
    from makespan.core.vocabulary import Status

    session.print(_report.title(problem))
    result, stopped = run_engine(
        problem,
        make_view(session, problem, time_limit=limit, engine=engine),
        engine=engine,
        time_limit=limit,
        threads=threads,
        seed=seed,
        hint=hint,
    )
    stopped = stopped and result.status in (Status.FEASIBLE, Status.UNKNOWN)
    violations = [] if result.schedule is None else verify(problem, result.schedule)
    known = known_makespan(problem, name, changed=changed)
    told = explanation(problem, result) if explain and not stopped else None
    conflict = list(result.conflict)
    if told is not None and told.kind == "conflict":
        conflict = told.details["conflict"]
    exit_code = _exit_code(result, stopped=stopped, violated=bool(violations))

    failures = _write_outputs(problem, result, outputs, told)
    session.print()
    session.print(
        _report.summary(
            problem,
            result,
            violations,
            best_known=known,
            limit_reached=_limit_note(limit, default_limit),
        )
    )
    if violations:
        session.print(_report.violation_list(violations))
    if told is not None:
        session.print()
        session.print(told.report())
    if result.schedule is not None and not session.quiet:
        session.print()
        session.print(
            _report.gantt(
                problem,
                result.schedule,
                width=session.console.width,
                colour=session.console.color_system is not None,
            )
        )
    written = [target for target in outputs.values() if target not in (None, "-")]
    if written and result.schedule is not None:
        session.print(f"\n[dim]wrote[/] {', '.join(str(target) for target in written)}")
    session.emit(
        {
            "instance": problem.name,
            "problem": problem_document(problem),
            **result_document(problem, result),
            "conflict": conflict,
            "cancelled": stopped,
            "time_limit": limit,
            "verified": None if result.schedule is None else not violations,
            "violations": violation_documents(violations),
            "best_known": None if known is None else known_document(known, result.objective),
            "explanation": None if told is None else told.document(),
            "outputs": {
                option.lstrip("-"): target
                for option, target in outputs.items()
                if target is not None and option != "--json"
            },
        },
        exit_code,
    )
    if failures:
        raise failures[0]
    session.finish(exit_code)


def _exit_code(result: Result, *, stopped: bool, violated: bool) -> int:
    if stopped:
        return CANCELLED
    return NEGATIVE if result.schedule is None or violated else OK


def _limit_note(limit: float | None, default: bool) -> str:
    if limit is None:
        return ""
    from makespan.cli._wording import describe_seconds

    more = " (--time 600 or --time none searches on)" if default else ""
    return f"time limit of {describe_seconds(limit)} reached{more}"


def _write_outputs(
    problem: Problem, result: Result, outputs: Output, told: Explained | None
) -> list[MakespanError]:
    """Write every drawing and table; one that fails does not keep the others from disk."""
    from makespan.cli._drawings import draw
    from makespan.core.errors import MakespanError

    failures: list[MakespanError] = []
    if result.schedule is None:
        return failures
    for option, target in outputs.items():
        if target is None or option == "--json":
            continue
        try:
            write_text(target, draw(option, problem, result, told), option)
        except MakespanError as error:
            failures.append(error)
    return failures
