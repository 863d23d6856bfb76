"""Tables for the documentation: blocks between marks that name the records they come from.

<!-- peers: benchmarks/peers/records/mixed.jsonl -->
...
<!-- /peers -->
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import journal, wording
from benchmarks.peers.scores import Group, duel, groups, standing

Row = dict[str, Any]

_BLOCK = re.compile(r"(<!-- peers: (\S+) -->\n).*?(<!-- /peers -->)", re.DOTALL)


def renew(text: str, root: Path) -> str:
    """The text with every block made again from its records.

    Raises
    ------
    FileNotFoundError
        If the records of a block are not there.
    """

    def block(match: re.Match[str]) -> str:
        path = root / match[2]
        if not path.is_file():
            raise FileNotFoundError(f"a block names {match[2]}, which is not there")
        return f"{match[1]}\n{markdown(journal.load(path))}\n{match[3]}"

    return _BLOCK.sub(block, text)


def markdown(rows: list[Row]) -> str:
    """Tables and conditions of recorded runs."""
    found = [group for group in groups(rows) if group.cases]
    engines = dict.fromkeys(e for group in found for e in group.engines)
    parts = []
    for group in found:
        parts += [f"**{wording.title(group)}**, {wording.cases(group)}", ""]
        parts += [*_standings(group), "", *_duels(group), ""]
        parts += [f"Reference: {wording.references(group)}.", ""]
    conditions = "; ".join(f"{word}: {text}" for word, text in wording.circumstances(rows))
    parts += ["; ".join(f"`{e}` is {wording.meaning(e)}" for e in engines) + ".", ""]
    parts += [f"Conditions: {conditions}.", ""]
    return "\n".join(parts)


def _table(head: Sequence[str], lefts: int, body: list[list[str]]) -> list[str]:
    marks = ["---"] * lefts + ["--:"] * (len(head) - lefts)
    return [f"| {' | '.join(row)} |" for row in (head, marks, *body)]


def _standings(group: Group) -> list[str]:
    body = []
    for engine in group.engines:
        s = standing(group, engine)
        body.append(
            [
                f"`{engine}`",
                str(s.runs),
                wording.percent(s.gap),
                str(s.at_reference),
                str(s.proofs),
                str(s.unsolved),
            ]
        )
    return _table(("engine", "runs", "mean gap", "at reference", "proved", "unsolved"), 1, body)


def _duels(group: Group) -> list[str]:
    body = []
    kinds = group.kinds if len(group.kinds) > 1 else []
    for ours, other in wording.duels(group):
        for kind in [*kinds, None]:
            d = duel(group, ours, other, kind)
            if d.runs:
                body.append(
                    [
                        f"`{ours}` / `{other}`",
                        kind or "all",
                        str(d.runs),
                        wording.decimal(d.ratio),
                        str(d.wins),
                        str(d.ties),
                        str(d.losses),
                        f"{d.proofs} / {d.peer_proofs}",
                        wording.decimal(d.bound_ratio),
                    ]
                )
    head = (
        "pair",
        "kind",
        "runs",
        "value ratio",
        "better",
        "equal",
        "worse",
        "proved",
        "bound ratio",
    )
    return _table(head, 2, body) if body else []
