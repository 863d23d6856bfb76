"""The page: one HTML file without scripts, made from recorded runs and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from benchmarks.peers import charts, wording
from benchmarks.peers.scores import (
    Group,
    Standing,
    better_than_known,
    contradictions,
    duel,
    gap,
    groups,
    reference,
    standing,
)

Row = dict[str, Any]

_STYLE = """
:root{color-scheme:light dark;
--back:#fff;--ink:#1d2329;--soft:#5b6670;--rule:#dde2e6;--best:#e4f3ea;
--c0:#d1495b;--c1:#1f77b4;--c2:#8a6d00;--c3:#2a8f5b;--c4:#7b55c7;--c5:#c46a00;
--c6:#007c89;--c7:#6b7280}
@media(prefers-color-scheme:dark){:root{--back:#15191d;--ink:#e4e8eb;--soft:#9aa5ae;--rule:#333b43;
--best:#1d3a2a;--c0:#ff7a8a;--c1:#6db3f2;--c2:#e0be4a;--c3:#63cf98;--c4:#b79bff;--c5:#ffab57;
--c6:#5fd0dc;--c7:#a8b0ba}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.2rem 4rem;max-width:66rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;margin:0 0 .6rem}h2{font-size:1.25rem;margin:2.8rem 0 .4rem;
border-top:1px solid var(--rule);padding-top:1.2rem}h3{font-size:1rem;margin:1.2rem 0 .2rem}
p{max-width:48rem;margin:.4rem 0}.soft{color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .7rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--soft);vertical-align:bottom}
th:first-child,td:first-child,.left{text-align:left}
td.best{background:var(--best);font-weight:600}
td.wide{white-space:normal;text-align:left}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem}
figure{margin:0}figcaption{font-size:.88rem;color:var(--soft)}
svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--soft)}
.end{text-anchor:end}.mid{text-anchor:middle}.grid{stroke:var(--rule);fill:none}
.line{fill:none;stroke-width:2}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.88rem;margin:.8rem 0 .2rem;padding:0}
.key li{list-style:none}.key i{display:inline-block;width:1.4rem;height:0;margin-right:.4rem;
vertical-align:middle;border-top:3px solid}
summary{cursor:pointer;margin:.8rem 0 .2rem}code{font-size:.92em}
"""


def render(rows: list[Row]) -> str:
    """The whole page."""
    found = groups(rows)
    names = list(dict.fromkeys(e for group in found for e in group.engines))
    colours = {engine: k % 8 for k, engine in enumerate(names)}
    hues = "".join(
        f".c{k}{{stroke:var(--c{k});border-color:var(--c{k})!important}}" for k in range(8)
    )
    body = [
        "<h1>makespan beside its peers</h1>",
        f"<p>{escape(wording.METHOD)}</p>",
        _circumstances(rows, names),
        _overview([g for g in found if g.cases], names),
        *(_section(group, colours) for group in found),
        _list("Contradictions", contradictions(rows)),
        _list("Better than the best known value", better_than_known(rows)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>makespan beside its peers</title><style>{_STYLE}{hues}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table; a cell may be a whole ``<td>`` or ``<th>``."""
    lines = [
        "<tr>" + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row) + "</tr>"
        for row in body
    ]
    heads = "".join(h if h.startswith("<th") else f"<th>{h}</th>" for h in head)
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _code(text: str) -> str:
    """Escaped text with its `code` marked up."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _circumstances(rows: list[Row], names: list[str]) -> str:
    pairs = [
        (word, f'<td class="wide">{escape(text)}</td>')
        for word, text in wording.circumstances(rows)
    ]
    pairs += [
        (f"<code>{escape(e)}</code>", f'<td class="wide">{_code(wording.meaning(e))}</td>')
        for e in names
    ]
    return f"<details open><summary>Conditions</summary>{_table(('', ''), pairs)}</details>"


def _overview(shown: list[Group], names: list[str]) -> str:
    if len(shown) < 2:
        return ""
    body = []
    for group in shown:
        found = {e: standing(group, e) for e in group.engines}
        best = _least_gap(found.values())
        cells = [
            _marked(_gap_with_unsolved(found[e]), found[e].gap is not None and found[e].gap == best)
            if e in found
            else ""
            for e in names
        ]
        link = f'<a href="#{_anchor(group)}">{escape(wording.title(group))}</a>'
        body.append([link, str(len(group.cases)), *cells])
    head = ["set", "cases", *(f"{escape(e)}" for e in names)]
    return "<h2>Mean gap to the reference</h2>" + _table(head, body)


def _least_gap(standings: Iterable[Standing]) -> float | None:
    """Of those that solved every case; a mean over the easy ones is no distinction."""
    return min((s.gap for s in standings if s.gap is not None and not s.unsolved), default=None)


def _gap_with_unsolved(found: Standing) -> str:
    missing = f" ({found.unsolved} unsolved)" if found.unsolved else ""
    return wording.percent(found.gap) + missing


def _marked(text: str, best: bool) -> str:
    return f'<td class="best">{text}</td>' if best else f"<td>{text}</td>"


def _anchor(group: Group) -> str:
    return re.sub(r"[^a-z0-9]+", "-", wording.title(group).lower()).strip("-")


def _section(group: Group, colours: dict[str, int]) -> str:
    parts = [f'<h2 id="{_anchor(group)}">{escape(wording.title(group))}</h2>']
    if group.incomplete:
        parts.append(
            f'<p class="soft">{group.incomplete} cases are left out: some engine has not run '
            "them.</p>"
        )
    if not group.cases:
        return "".join(parts)
    kinds, known = escape(", ".join(group.kinds)), escape(wording.references(group))
    figures = [
        _figure(
            "Performance profile: share of cases within a distance of the best",
            charts.profile_chart(group, colours),
        )
    ]
    if any(row["history"] for runs in group.cases.values() for row in runs.values()):
        figures.insert(
            0,
            _figure(
                "Mean gap over time (no schedule yet counts as 100 %)",
                charts.gap_chart(group, colours),
            ),
        )
    parts += [
        f'<p class="soft">{wording.cases(group)} ({kinds}). Reference: {known}.</p>',
        _standings(group),
        _duels(group),
        _key(group, colours),
        f'<div class="charts">{"".join(figures)}</div>',
        _details(group),
    ]
    return "\n".join(parts)


def _figure(caption: str, picture: str) -> str:
    return f"<figure><figcaption>{caption}</figcaption>{picture}</figure>"


def _standings(group: Group) -> str:
    lines = [standing(group, engine) for engine in group.engines]
    best = _least_gap(lines)
    body = [
        [
            f"<code>{escape(s.engine)}</code>",
            str(s.runs),
            _marked(wording.percent(s.gap), s.gap is not None and s.gap == best),
            str(s.at_reference),
            str(s.proofs),
            str(s.unsolved),
            str(s.late),
            wording.decimal(s.seconds, 1),
            wording.decimal(s.longest, 1),
            wording.whole(s.memory),
        ]
        for s in lines
    ]
    head = (
        "engine",
        "runs",
        "mean gap",
        "at reference",
        "proved",
        "unsolved",
        "late",
        "mean seconds",
        "longest",
        "most MiB",
    )
    table = _table(head, body)
    odd = [f"{s.engine}: {s.unscored}" for s in lines if s.unscored]
    if odd:
        table += (
            '<p class="soft">Without a gap, because the reference is 0 and the value is not: '
            f"{escape(', '.join(odd))}.</p>"
        )
    return table


def _duels(group: Group) -> str:
    body = []
    for ours, other in wording.duels(group):
        for kind in [None, *(group.kinds if len(group.kinds) > 1 else [])]:
            d = duel(group, ours, other, kind)
            if not d.runs:
                continue
            body.append(
                [
                    f"<code>{escape(ours)}</code> / <code>{escape(other)}</code>",
                    f'<td class="left">{escape(kind or "all")}</td>',
                    str(d.runs),
                    wording.decimal(d.ratio),
                    str(d.wins),
                    str(d.ties),
                    str(d.losses),
                    f"{d.proofs} / {d.peer_proofs}",
                    wording.decimal(d.bound_ratio),
                ]
            )
    if not body:
        return ""
    head = (
        "pair",
        '<th class="left">kind</th>',
        "runs",
        "value ratio",
        "better",
        "equal",
        "worse",
        "proved",
        "bound ratio",
    )
    return (
        _table(head, body)
        + '<p class="soft">Ratios are geometric means over the cases both have; value below 1 and '
        "bound above 1 are better.</p>"
    )


def _key(group: Group, colours: dict[str, int]) -> str:
    items = "".join(f'<li><i class="c{colours[e]}"></i>{escape(e)}</li>' for e in group.engines)
    return f'<ul class="key">{items}</ul>'


def _details(group: Group) -> str:
    body = []
    for (name, seed), runs in group.cases.items():
        best = reference(runs)
        least = min(
            (r["objective"] for r in runs.values() if r["objective"] is not None), default=None
        )
        known = any(r["best_known"] for r in runs.values())
        cells = [_cell(runs.get(e), best, least) for e in group.engines]
        mark = "" if known or best is None else "†"
        body.append([escape(name), str(seed), f"{wording.whole(best)}{mark}", *cells])
    head = ["instance", "seed", "reference", *(escape(e) for e in group.engines)]
    return (
        "<details><summary>Every instance</summary>"
        '<p class="soft">Value (proven lower bound), gap, seconds; * proved optimal; '
        "† best value found here.</p>"
        f"{_table(head, body)}</details>"
    )


def _cell(row: Row | None, best: int | None, least: int | None) -> str:
    if row is None:
        return "<td></td>"
    bound = "–" if row["bound"] is None else f"{row['bound']:,}"
    if row["objective"] is None:
        words = escape(str(row["message"] or row.get("violation", "")))
        return f'<td title="{words}">{row["status"]} ({bound})</td>'
    text = (
        f"{row['objective']:,}{'*' if row['proven'] else ''} ({bound}) "
        f"{wording.percent(gap(row['objective'], best), 1)} {row['seconds']:.1f} s"
    )
    return _marked(text, row["objective"] == least)


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>"
