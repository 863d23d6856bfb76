"""``python -m makespan.claims.recording [SLUG ...]``: measure in full and keep it in the ledger.

For those who maintain the ledger; ``makespan reproduce`` measures without recording.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from makespan.claims.catalogue import registry
from makespan.claims.ledger import record
from makespan.claims.running import conditions, reproduce


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the claims of the systems named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m makespan.claims.recording")
    parser.add_argument("slugs", nargs="*", help="systems; default is all of them")
    parser.add_argument("--claim", help="only this claim")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    systems = registry()
    given = conditions(quick=False, seed=options.seed, say=_say)
    for slug in options.slugs or [system.slug for system in systems]:
        for claim in systems.get(slug).claims:
            if options.claim in (None, claim.slug):
                _say(f"{slug} / {claim.slug}")
                result = reproduce(claim, given)
                _say(f"{result.verdict.value}: {record(result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
