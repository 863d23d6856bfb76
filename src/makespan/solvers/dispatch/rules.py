"""Priority rules: name, formula and source of each.

Notation: p is a task's shortest duration; R the work remaining in its job from it on (without a
job: on its longest chain of successors); n the number of tasks that R sums; P the work of the
whole job; d the due date of the task or else of its job; w the weight; t the decision time; r the
time at which the predecessors let the task go. EST, LST, LFT come from the critical path
calculation with releases, lags and the shortest durations. The task with the least value goes
first; ties go to the lower index. Where no due date is stated at all, d is the latest time at
which the task's remaining work may be done by the critical path (for a shop: the longest job).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from makespan.core.errors import OptionError
from makespan.solvers.dispatch import _score


@dataclass(frozen=True, slots=True)
class Rule:
    """A priority rule.

    Attributes
    ----------
    name, title
        Short and full name.
    formula
        What is minimised.
    source
        Where the rule is defined or studied.
    code
        0 for static rules, whose values are computed once; else the compiled formula.
    """

    name: str
    title: str
    formula: str
    source: str
    code: int = _score.STATIC

    @property
    def dynamic(self) -> bool:
        """Whether the value depends on the time or on the partial schedule."""
        return self.code != _score.STATIC


_PANWALKAR = "Panwalkar & Iskander, Operations Research 25(1), 1977"
_CONWAY = "Conway, Maxwell & Miller, Theory of Scheduling, 1967"
_HAUPT = "Haupt, OR Spektrum 11, 1989"
_KOLISCH = "Kolisch, J. Operations Management 14(3), 1996"
_ALVAREZ = "Alvarez-Valdés & Tamarit, in Advances in Project Scheduling, 1989"

_ALL = (
    Rule("SPT", "shortest processing time", "p", f"Smith, 1956; {_CONWAY}"),
    Rule("LPT", "longest processing time", "-p", "Graham, SIAM J. Applied Mathematics 17, 1969"),
    Rule("WSPT", "weighted shortest processing time", "p / w", "Smith, NRLQ 3, 1956"),
    Rule("MWKR", "most work remaining", "-R", _PANWALKAR),
    Rule("LWKR", "least work remaining", "R", _PANWALKAR),
    Rule("MOPNR", "most operations remaining", "-n", _PANWALKAR),
    Rule("LOPNR", "least operations remaining", "n", _PANWALKAR),
    Rule("FIFO", "first in, first out", "r", _CONWAY, _score.FIFO),
    Rule("LIFO", "last in, first out", "-r", _CONWAY, _score.LIFO),
    Rule("EDD", "earliest due date", "d", "Jackson, UCLA research report 43, 1955"),
    Rule(
        "MDD",
        "modified due date",
        "max(d, t + R)",
        "Baker & Bertrand, J. Operations Management 3(1), 1982",
        _score.MDD,
    ),
    Rule(
        "ATC",
        "apparent tardiness cost",
        "-(w / p) exp(-max(0, d - t - R) / (k mean p)), k = 2",
        "Vepsalainen & Morton, Management Science 33(8), 1987",
        _score.ATC,
    ),
    Rule(
        "COVERT",
        "cost over time",
        "-(w / p) max(0, 1 - max(0, d - t - R) / (k b R)), k = b = 2",
        "Carroll, PhD thesis MIT, 1965; Vepsalainen & Morton, Management Science 33(8), 1987",
        _score.COVERT,
    ),
    Rule("CR", "critical ratio", "(d - t) / R", _HAUPT, _score.CR),
    Rule("SLACK", "least slack", "d - t - R", f"{_CONWAY}; {_HAUPT}", _score.SLACK),
    Rule(
        "S/RO",
        "slack per remaining operation",
        "(d - t - R) / n",
        f"{_CONWAY}; {_HAUPT}",
        _score.S_RO,
    ),
    Rule("SPT/TWKR", "shortest processing time relative to total work", "p / P", _HAUPT),
    Rule(
        "WINQ",
        "least work in next queue",
        "work waiting for the machine of the job's next task",
        f"{_CONWAY}; {_HAUPT}",
        _score.WINQ,
    ),
    Rule(
        "PT+WINQ",
        "processing time plus work in next queue",
        "p + WINQ",
        "Holthaus & Rajendran, Int. J. Production Economics 48(1), 1997",
        _score.PT_WINQ,
    ),
    Rule("EST", "earliest start time", "EST", _KOLISCH),
    Rule("LST", "latest start time", "LST", f"{_ALVAREZ}; {_KOLISCH}"),
    Rule(
        "LFT",
        "latest finish time",
        "LFT",
        f"Davis & Patterson, Management Science 21(8), 1975; {_KOLISCH}",
    ),
    Rule(
        "MINSLK",
        "minimum slack",
        "LST - EST",
        f"Davis & Patterson, Management Science 21(8), 1975; {_KOLISCH}",
    ),
    Rule("MTS", "most total successors", "-(number of all successors)", f"{_ALVAREZ}; {_KOLISCH}"),
    Rule("MIS", "most immediate successors", "-(number of immediate successors)", _ALVAREZ),
    Rule(
        "GRPW",
        "greatest rank positional weight",
        "-(p + p of immediate successors)",
        f"{_ALVAREZ}; {_KOLISCH}",
    ),
    Rule(
        "GRPW*",
        "greatest rank positional weight, all successors",
        "-(p + p of all successors)",
        f"Helgeson & Birnie, J. Industrial Engineering 12, 1961; {_ALVAREZ}",
    ),
    Rule("RANDOM", "random order", "u, uniform in (0, 1)", _CONWAY),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
"""Every rule by name."""


def find_rule(name: str) -> Rule:
    """Rule of that name, in any case.

    Raises
    ------
    OptionError
        If there is none.
    """
    rule = RULES.get(name.upper())
    if rule is None:
        raise OptionError(f"unknown priority rule {name!r}", hint=f"known: {', '.join(RULES)}")
    return rule
