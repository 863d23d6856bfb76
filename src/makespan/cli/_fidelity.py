"""What ``makespan simulate serving --like RUN`` does: replay a real run and compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from makespan.cli._report import facts
from makespan.core.errors import OptionError
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.step import StepCost
from makespan.serving.fidelity.fitting import CHUNKED, ENOUGH, as_served, fit_run
from makespan.serving.fidelity.naming import cost_of_run, known_by_path
from makespan.serving.fidelity.replay import FIGURES, METRICS, Replay, Timings
from makespan.serving.fidelity.stated import utilisation_of
from makespan.serving.record import Record
from makespan.serving.workload import PICOSECONDS
from makespan.serving.workloads.llmservingsim import RecordedRun, read_recorded_run
from makespan.serving.workloads.reading import read_workload


@dataclass(frozen=True, slots=True)
class Likeness:
    """A real run and its simulation.

    Attributes
    ----------
    seen
        Latencies of the simulation.
    calibration
        Where step times come from.
    errors
        Signed relative errors by part of the run ("all", "first-half", "second-half") and figure.
    """

    run: RecordedRun
    replay: Replay
    seen: Timings
    record: Record
    calibration: str
    fitted: Mapping[str, Any] | None
    errors: dict[str, dict[str, float]]
    judged: str


def likeness(
    path: str,
    trace: str | None,
    calibrate: str | None,
    cost_of: Callable[[int], OperatorCost],
    *,
    named: Mapping[str, str],
    replays: int,
    seed: int,
) -> Likeness:
    """Replay a run with a fitted cost model, or with that of the hardware.

    The latter is of the model and the device that are ``named``, or that the run names; where one
    is not known it is what ``cost_of`` gives for a number of GPUs that the experts are spread over.
    ``trace`` is the load that the run served, if it is at hand, which tells what its prompts share.
    """
    run = read_recorded_run(path)
    if trace is not None:
        run = run.sharing(read_workload(trace))
    replay = Replay.of(run)
    known = cost_of_run(run, replay, shape=named.get("model"), device=named.get("gpu"), path=path)
    if known is None and calibrate is None:
        known = cost_of(replay.instances if replay.in_step else 1)
    if known is not None:
        kernels = known.kernels
        replay = replay.with_memory(
            kernels.device, kernels.shape, kernels.tp, utilisation=utilisation_of(run)
        )
        if not (run.hardware or named.get("gpu")) and known_by_path(path, kernels.device.name):
            told = f"it ran on the {kernels.device.name}, by the name of the file"
            replay = replace(replay, assumed="; ".join(filter(None, (replay.assumed, told))))
    half = replay.first_half
    parts = {"all": half | ~half, "first-half": half, "second-half": ~half}
    step_cost: StepCost
    fitted: dict[str, Any] | None = None
    if calibrate is None:
        assert known is not None
        step_cost, delay, judged = as_served(known), 0, "all"
        calibration = f"{known.calibration.label}; {CHUNKED[0]:g} ms more with part of a prompt"
    elif calibrate in ("first-half", "all"):
        fit = fit_run(replay, parts[calibrate], known, replays=replays, seed=seed)
        step_cost, delay = fit.cost, fit.delay
        judged = "second-half" if calibrate == "first-half" else "all"
        prior = "a generic shape" if known is None else known.calibration.label
        part = calibrate.replace("-", " ")
        calibration = f"fitted to the {part} of {run.workload.name}, from {prior}"
        if fit.requests < parts[calibrate].sum():
            calibration += f"; to the first {fit.requests:,} requests of it"
        elif fit.requests < ENOUGH:
            calibration += f"; {fit.requests} requests say little"
        fitted = {
            "prior": prior,
            "knots": list(fit.cost.knots),
            "factors": list(fit.cost.factors),
            "per_context": fit.cost.per_context,
            "per_pair": fit.cost.per_pair,
            "chunked": fit.cost.chunked,
            "delay": fit.delay,
            "loss": fit.loss,
            "replays": fit.replays,
            "requests": fit.requests,
        }
    else:
        raise OptionError(f"--calibrate is {calibrate!r}", hint="first-half or all")
    seen, record = replay.simulated(step_cost, delay)
    errors = {name: replay.errors(seen, chosen) for name, chosen in parts.items()}
    return Likeness(run, replay, seen, record, calibration, fitted, errors, judged)


def facts_of(found: Likeness) -> list[tuple[str, str]]:
    """What was run, on what, as pairs of label and value."""
    run, replay = found.run, found.replay
    what = ", ".join(part for part in (run.engine, run.model, run.hardware) if part)
    limits = replay.settings
    engines = (
        f"{replay.instances} x ({limits.blocks:,} blocks of {limits.block_size}, "
        f"{limits.max_num_batched_tokens:,} tokens, {limits.max_num_seqs} requests a step)"
    )
    pairs = [
        ("real run", f"{run.workload.name}: {replay.workload.count} requests; {what}"),
        ("engines", engines),
    ]
    if replay.assumed:
        pairs.append(("assumed", replay.assumed))
    return pairs


def drawing(found: Likeness, seed: int) -> str:
    """Text of the page that ``--html`` asks for."""
    from makespan.serving.report import likeness_html

    preempted = f"{int(found.record.preemptions.sum())} simulated"
    return likeness_html(
        found.replay,
        found.seen,
        judged=found.judged,
        facts=[*facts_of(found), ("preemptions", preempted), ("seed", str(seed))],
        calibration=found.calibration,
    )


def report(found: Likeness) -> RenderableType:
    """Real and simulated figures side by side."""
    rows = facts()
    replay = found.replay
    for label, value in facts_of(found):
        rows.add_row(label, value)
    rows.add_row("times", f"simulated; {found.calibration}")
    rows.add_row("preemptions", f"{int(found.record.preemptions.sum())} simulated")
    part = replay.first_half
    chosen = {"all": part | ~part, "second-half": ~part}[found.judged]
    real = replay.real.figures(chosen)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(found.judged.replace("-", " "))
    for figure in FIGURES:
        table.add_column(figure, justify="right", no_wrap=True)
    for i, metric in enumerate(METRICS):
        unit, factor = ("ms", 1000.0) if metric == "tpot" else ("s", 1.0)
        errors = [found.errors[found.judged].get(f"{metric}_{figure}") for figure in FIGURES]
        table.add_row(f"{metric.upper()} {unit}, real", *(f"{factor * v:.3f}" for v in real[i]))
        table.add_row("  error", *("–" if e is None else f"{e:+.1%}" for e in errors))
    note = "The queue couples both halves, so that the second is held out of the fit but not alone."
    lines: list[RenderableType] = [rows, Text(), table]
    if found.judged == "second-half":
        lines += [Text(), Text(note, style="dim")]
    return Group(*lines)


def document(found: Likeness, seed: int, outputs: Mapping[str, str]) -> dict[str, Any]:
    """The same for machines; ``outputs`` are the files written, by option."""
    return {
        "run": found.run.workload.name,
        "engine": found.run.engine,
        "model": found.run.model,
        "hardware": found.run.hardware,
        "requests": found.replay.workload.count,
        "assumed": found.replay.assumed,
        "calibration": found.calibration,
        "fitted": found.fitted,
        "judged": found.judged,
        "errors": found.errors[found.judged],
        "errors_by_part": found.errors,
        "preemptions": int(found.record.preemptions.sum()),
        "makespan": found.record.makespan / PICOSECONDS,
        "seed": seed,
        "outputs": dict(outputs),
    }
