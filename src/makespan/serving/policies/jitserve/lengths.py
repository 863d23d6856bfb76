"""How long outputs will become: an upper bound that is revised while they grow.

JITServe (arXiv 2504.20068) foretells the 0.95 quantile of an output's length with a quantile
forest and repeats it every 50 tokens with what was generated. Here the repetition conditions the
forest's distribution on what is longer than the tokens generated, which is all that a simulated
answer tells; an answer that outgrows everything remembered gets a quarter more than it has
[inferred]. Who has no training load takes the lengths that ended, label by label, as Past-Future
does.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.jitserve.features import Features
from makespan.serving.policies.jitserve.forest import Law, QuantileForest
from makespan.serving.policies.past import Latest
from makespan.serving.policy import EngineView
from makespan.serving.workload import Workload

QUANTILE: Final = 0.95
"""Of the length, as its upper bound (section 4 of the paper)."""

EVERY: Final = 50
"""Tokens generated between two revisions (section 4 of the paper)."""

GROWTH: Final = 1.25
"""By which a bound that was passed is raised above what was generated [inferred]."""

_FEW: Final = 10
"""Ended outputs of a label below which all labels are taken together [inferred]."""

_REMEMBERED: Final = 1000
"""Ended outputs that are remembered per label, as in Past-Future."""


class Lengths(Protocol):
    """What is known of the lengths of outputs."""

    def law(self, request: int, engine: EngineView) -> Law | None:
        """The distribution of the length of an output; None if nothing is known."""

    def finished(self, request: int, engine: EngineView) -> None:
        """The request has got its last token."""


class ForestLengths:
    """By a forest grown on a training load; what ends later is not learnt.

    Parameters
    ----------
    workload
        The load that is served; its outputs are not looked at.
    history
        The load to learn from.
    """

    def __init__(
        self, workload: Workload, history: Workload, *, trees: int = 60, seed: int = 0
    ) -> None:
        features = Features(history)
        self.forest = QuantileForest(features.of(history), history.output, trees=trees, seed=seed)
        self.rows = features.of(workload)

    def law(self, request: int, engine: EngineView) -> Law | None:
        """See :meth:`Lengths.law`."""
        return self.forest.law(self.rows[request])

    def finished(self, request: int, engine: EngineView) -> None:
        """Nothing is learnt."""


class PastLengths:
    """By the lengths that ended under the same label.

    Parameters
    ----------
    by_label
        Whether labels are told apart.
    """

    def __init__(self, *, by_label: bool = True) -> None:
        self.by_label = by_label
        self.all = Latest(_REMEMBERED)
        self.of: dict[str, Latest] = {}
        self._laws: dict[str, Law] = {}

    def law(self, request: int, engine: EngineView) -> Law | None:
        """See :meth:`Lengths.law`."""
        label = engine.label(request)
        past = self.of.get(label)
        if past is None or len(past) < _FEW:
            label, past = "", self.all
        if not len(past):
            return None
        if label not in self._laws:
            lengths = past.ascending
            last = np.append(np.flatnonzero(lengths[1:] != lengths[:-1]), len(lengths) - 1)
            self._laws[label] = Law(lengths[last], (last + 1) / len(lengths))
        return self._laws[label]

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Lengths.finished`."""
        label = engine.label(request) if self.by_label else ""
        length = engine.generated(request)
        self.all.remember(length)
        if label:
            if label not in self.of:
                self.of[label] = Latest(_REMEMBERED)
            self.of[label].remember(length)
        self._laws.pop(label, None)
        self._laws.pop("", None)


class TrueLengths:
    """The lengths themselves: an oracle."""

    def __init__(self, workload: Workload) -> None:
        self.output: IntArray = workload.output

    def law(self, request: int, engine: EngineView) -> Law | None:
        """See :meth:`Lengths.law`."""
        return Law(self.output[request : request + 1], np.ones(1))

    def finished(self, request: int, engine: EngineView) -> None:
        """Nothing is learnt."""


class Bounds:
    """Upper bounds of lengths, revised every few tokens, and how often they held.

    Parameters
    ----------
    level
        Quantile that is the bound; None: the mean, which is no bound but a guess.

    Attributes
    ----------
    first
        Bound of each live request before its first token.
    ended, covered
        Requests that ended, and those of them whose first bound held.
    excess
        First bounds less lengths, summed over those that ended.
    """

    def __init__(
        self, lengths: Lengths, *, level: float | None = QUANTILE, every: int = EVERY
    ) -> None:
        if every < 1 or not (level is None or 0.0 < level <= 1.0):
            raise OptionError(f"quantile {level}, revised every {every} tokens")
        self.lengths, self.level, self.every = lengths, level, every
        self.first: dict[int, int] = {}
        self.ended = self.covered = self.excess = 0
        self._laws: dict[int, Law] = {}
        self._now: dict[int, tuple[int, int]] = {}

    def bound(self, request: int, had: int, engine: EngineView) -> int:
        """Tokens that the output of a request with ``had`` so far will not exceed, we think."""
        bound, due = self._now.get(request, (0, 0))
        if had >= due or had >= bound:
            bound = self._revised(request, had, engine)
            self._now[request] = bound, had - had % self.every + self.every
            self.first.setdefault(request, bound)
        return bound

    def finished(self, request: int, engine: EngineView) -> None:
        """The request has ended: its length is compared with its first bound, and learnt."""
        length = engine.generated(request)
        first = self.first.pop(request, None)
        if first is not None:
            self.ended += 1
            self.covered += length <= first
            self.excess += first - length
        self._laws.pop(request, None)
        self._now.pop(request, None)
        self.lengths.finished(request, engine)

    @property
    def coverage(self) -> float:
        """Share of ended requests whose first bound held; NaN before the first."""
        return self.covered / self.ended if self.ended else float("nan")

    def _revised(self, request: int, had: int, engine: EngineView) -> int:
        cap = max(engine.cap(request), had + 1)
        law = self._laws.get(request)
        if law is None:
            law = self.lengths.law(request, engine)
            if law is None:
                return cap
            self._laws[request] = law
        if self.level is None:
            mean = law.mean(had)
            found = None if mean is None else round(mean)
        else:
            found = law.quantile(self.level, had)
        grown = int(had * GROWTH) + 1 if found is None else max(found, had + 1)
        return min(grown, cap)
