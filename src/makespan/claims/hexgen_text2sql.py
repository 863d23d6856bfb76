"""System ``hexgen-text2sql``: deadlines of whole queries on engines of different speed.

Source: "HEXGEN-TEXT2SQL: Optimizing LLM Inference Request Scheduling for Agentic Text-to-SQL
Workflow" (arXiv 2505.05286). Stage statistics and service times are constants and means of the
authors' public simulator and traces (Relaxed-System-Lab/Hexgen-Flow).
"""

from __future__ import annotations

from typing import Final

from makespan.core.registry import Claim, Source, System

_PAPER = Source(
    "HEXGEN-TEXT2SQL: Optimizing LLM Inference Request Scheduling for Agentic Text-to-SQL "
    "Workflow, 2025",
    "arXiv:2505.05286",
)

RATES: Final = (0.2, 0.6, 1.2)
"""Queries per second; the paper's simulator uses about 1."""

SEEDS: Final = 20
QUERIES: Final = 100
"""Queries of a load; the published traces have 29 to 110."""

FACTOR: Final = 1.2
"""Smallest reduction of the deadline that counts; the paper reports 1.41 in the mean."""

_ENGINES: Final = (
    "Simulated: two A100, an A6000 and an L40S with the service times of the authors' simulator; "
)

SYSTEM = System(
    slug="hexgen-text2sql",
    title="HexGen-Text2SQL: deadlines of staged queries on mixed GPUs",
    source=_PAPER,
    room="serving",
    summary="A router weighs the speed of an engine for a stage against the work it has; each "
    "engine starts the call that has used most of its share of its query's deadline.",
    entry_points=(
        "makespan.serving.policies.hexgen.routing:WorkloadBalance",
        "makespan.serving.policies.hexgen.urgency:Urgency",
        "makespan.serving.policies.hexgen.tuning:tune_alpha",
    ),
    claims=(
        Claim(
            slug="tighter-deadlines",
            system="hexgen-text2sql",
            statement="Dispatch by balanced work and queues by urgency together keep deadlines up "
            "to 1.67 times tighter (1.41 in the mean) than round robin with first come, first "
            "served, and serve up to 1.75 times as much (1.65 in the mean); each alone gives part.",
            source=_PAPER,
            experiment="makespan.claims.hexgen_experiments:tighter_deadlines",
            measured_as=_ENGINES
            + f"loads of {QUERIES} queries at {', '.join(map(str, RATES))} queries/s, {SEEDS} "
            "seeds each (quick: 2 seeds at the middle rate). The smallest multiple of 52.95 s, in "
            "tenths, that 95 % and 99 % of all queries keep as a deadline; queries served, and "
            "queries that keep five times 52.95 s, per second from the first call to the last.",
            tolerance=f"reproduced if deadlines that 95 % keep are {FACTOR} times tighter in the "
            "mean over the rates, and dispatch alone and urgency alone each keep deadlines at "
            "least 2 % tighter than the baseline in the mean and at no rate longer ones; partly if "
            "the first holds.",
            inference="Loads are drawn from statistics of the published traces. A decode step "
            "lasts what the authors' simulator says (35, 58 and 54.5 ms), whatever the batch; a "
            "prompt is computed in the step that admits it, at the rates that explain the service "
            "times, where theirs is computed in a step of its own. Shared prefixes are found "
            "again. All engines have 6,250 blocks of 16 tokens, what an A100 has beside a 70B "
            "model in 4 bits. Alpha is tuned on loads of other seeds. Outstanding work is counted, "
            "where the released code counts all work ever given. Orders by the deadline of the "
            "whole query, by HEFT's rank and by true slack are measured beside it: the paper does "
            "not compare with them. The tolerance for the parts was made stricter after first "
            "measurements, because ties, and losses at some rates, passed it.",
        ),
        Claim(
            slug="interior-alpha",
            system="hexgen-text2sql",
            statement="On mixed GPUs dispatch must weigh speed against balance: the best alpha "
            "lies between 0 and 1 and a light simulation finds it; on identical GPUs it does not "
            "matter.",
            source=_PAPER,
            experiment="makespan.claims.hexgen_experiments:interior_alpha",
            measured_as=_ENGINES
            + "and four A100 beside them. For alpha from 0 to 1 in tenths the time that 95 % of "
            "the queries of 10 seeds keep (quick: 2 seeds, steps of a half), at 0.6 queries/s, "
            "with urgency under deadlines of five times 52.95 s.",
            tolerance="reproduced if some alpha strictly between keeps a time at least 2 % below "
            "those of 0 and of 1 on the mixed fleet, times on the identical one differ by at most "
            "5 %, and the alpha tuned on another load is within 5 % of the best; partly if the "
            "best alpha is above 0 and below 1, or alpha is without effect on identical engines.",
            inference="As of tighter-deadlines. Ties go to the engine with less work, so that "
            "alpha = 1 is not the same engine always where several are alike.",
        ),
        Claim(
            slug="real-fleet",
            system="hexgen-text2sql",
            statement="On real engines of different speed, dispatch by balanced work with queues "
            "by urgency keeps tighter deadlines than round robin with first come, first served.",
            source=_PAPER,
            experiment="makespan.claims.hexgen_real:real_fleet",
            measured_as="Measured: two processes of vLLM on a processor each, SmolLM2-135M, the "
            "steps of one stretched to twice their time. 45 questions (quick: 9) about toy "
            "databases in four stages, with a revision for every statement that SQLite refuses, "
            "three at most; at 1.2 times the rate that the fast engine alone answers. The deadline "
            "that 95 % of the questions keep, once per arm.",
            tolerance=f"reproduced if it is {FACTOR} times tighter and all answers equal those of "
            "an engine that was asked one stage of all questions at a time; partly if it is "
            "tighter.",
            inference="The calls are recorded beforehand and served under both arms: greedy "
            "decoding fixes what is said and so which statements fail. Answers have a fixed "
            "length; a model of this size mends little, so that most questions use up their "
            "revisions. Times of stages come from calls alone. Alpha is 0.3, untuned; the "
            "deadline is twice the expected service time.",
        ),
    ),
)
