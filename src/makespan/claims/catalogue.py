"""The systems of this distribution, and those that other packages declare."""

from __future__ import annotations

from typing import Final

from makespan.core.registry import SystemRegistry

SHIPPED: Final = (
    "makespan.claims.cpsat_adapter:SYSTEM",
    "makespan.claims.taillard_generator:SYSTEM",
    "makespan.claims.priority_rules:SYSTEM",
    "makespan.claims.blocking_job_shop:SYSTEM",
    "makespan.claims.smtt_eddc_mddc:SYSTEM",
    "makespan.claims.past_future:SYSTEM",
    "makespan.claims.hexgen_text2sql:SYSTEM",
    "makespan.claims.batchllm:SYSTEM",
    "makespan.claims.continuum:SYSTEM",
    "makespan.claims.llumnix:SYSTEM",
    "makespan.claims.jitserve:SYSTEM",
)
"""Where each system is declared; to remove one, delete its module and its line here."""


def registry() -> SystemRegistry:
    """All systems; a declaration that does not load is listed in ``failures`` of the registry."""
    systems = SystemRegistry()
    for path in SHIPPED:
        systems.load(path)
    systems.load_plugins()
    return systems
