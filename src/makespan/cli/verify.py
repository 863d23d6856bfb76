"""``makespan verify``: check a schedule against every rule of its problem."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _options
from makespan.cli._files import check_targets
from makespan.cli._session import NEGATIVE, OK, Session


def verify(
    problem: _options.Problem,
    schedule: Annotated[
        str,
        typer.Argument(
            metavar="SCHEDULE",
            help="Schedule file, or what solve wrote with --save, --json or --csv; - is "
            "standard input.",
            show_default=False,
        ),
    ],
    objective: _options.Objective = None,
    blocking: _options.Blocking = None,
    json: _options.Json = None,
    input_format: _options.InputFormat = None,
    instance: _options.Instance = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """List every rule that a schedule breaks, and its value.

    Exit code 1 means that it breaks one.
    """
    with Session("verify", json_target=json, quiet=quiet, debug=debug) as session:
        from makespan.cli._sources import load_problem, load_schedule
        from makespan.cli._variants import variant

        check_targets({"--json": json})
        _options.one_stdin(problem, schedule)
        found, name = load_problem(problem, form=input_format, instance=instance)
        model = variant(found, objective=objective, blocking=blocking)
        plan = load_schedule(schedule, model)

        from makespan import evaluate
        from makespan import verify as check
        from makespan.cli import _report
        from makespan.cli._best_known import known_document, known_makespan
        from makespan.cli._documents import problem_document, violation_documents

        violations = check(model, plan)
        sound = len(plan) == model.tasks.count
        values = tuple(evaluate(model, plan)) if sound else ()
        known = known_makespan(model, name, changed=blocking is not None)
        exit_code = NEGATIVE if violations else OK
        session.print(_report.title(model))
        session.print()
        session.print(_report.verdict(model, plan, values, violations, best_known=known))
        if violations:
            session.print()
            session.print(_report.violation_list(violations))
        session.emit(
            {
                "instance": model.name,
                "problem": problem_document(model),
                "verified": not violations,
                "violations": violation_documents(violations),
                "objective": values[0] if values else None,
                "objectives": list(values),
                "levels": problem_document(model)["objective"],
                "makespan": plan.makespan,
                "best_known": known_document(known, values[0]) if known and values else None,
            },
            exit_code,
        )
        session.finish(exit_code)
