"""Random activity networks with a given complexity and no redundant arc.

After R. Kolisch, A. Sprecher and A. Drexl, "Characterization and generation of a general class of
resource-constrained project scheduling problems", Management Science 41 (1995) 1693-1703 (ProGen).
Network complexity NC is the number of non-redundant arcs per node, counting a dummy source before
the start activities and a dummy sink after the finish activities, with their arcs.
"""

from __future__ import annotations

from typing import Final

from makespan.core.errors import OptionError
from makespan.generators.draws import Draws, require, require_sizes

Arc = tuple[int, int]

# fmt: off
_FRUGALITY: Final = (
    0.0, 0.5, 0.8, 0.95, 1.0, 0.0, 0.3, 0.6, 0.9, 0.0, 0.7, 0.4, 0.85, 0.0, 0.2, 0.55, 0.75, 0.0,
    0.1, 0.65, 0.35, 0.45, 0.0, 0.25,
)
# fmt: on
"""Per attempt: probability that a new activity follows one that has no successor yet, which saves
an arc. Low complexities need that; high ones need several draws without it."""


class Network:
    """A directed acyclic graph on 0 .. n-1 that refuses redundant arcs.

    Sets of nodes are the bits of Python integers, so a step costs O(ancestors * n / 64).
    """

    def __init__(self, activities: int) -> None:
        self.arcs: list[Arc] = []
        self.successors = [0] * activities
        self.indegree = [0] * activities
        self.outdegree = [0] * activities
        self._after = [1 << i for i in range(activities)]
        self._before = [1 << i for i in range(activities)]

    def accepts(self, i: int, j: int) -> bool:
        """Whether i -> j is not implied and makes no other arc implied."""
        after = self._after[j]
        if self._after[i] >> j & 1:
            return False
        return all(not self.successors[a] & after for a in _bits(self._before[i]))

    def add(self, i: int, j: int) -> None:
        """Add the arc i -> j and close the order transitively."""
        self.arcs.append((i, j))
        self.successors[i] |= 1 << j
        self.outdegree[i] += 1
        self.indegree[j] += 1
        before, after = self._before[i], self._after[j]
        for a in _bits(before):
            self._after[a] |= after
        for b in _bits(after):
            self._before[b] |= before


def _bits(mask: int) -> list[int]:
    """Positions of the ones of a mask."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def random_network(
    activities: int,
    *,
    complexity: float,
    draws: Draws,
    starts: int = 3,
    finishes: int = 3,
    max_degree: int = 3,
) -> list[Arc]:
    """Arcs i < j of a network with exactly round(complexity * (activities + 2)) arcs.

    As in ProGen every activity first gets a predecessor, then a successor, then arcs are added at
    random; unlike ProGen, which accepts a tolerance, the number of arcs is met exactly.

    Parameters
    ----------
    complexity
        Arcs per node with the dummies, about 1 to 2.1 at degree 3.
    starts, finishes
        Activities without predecessors and without successors.
    max_degree
        Most predecessors and most successors of an activity, dummies not counted.

    Raises
    ------
    OptionError
        If parameters are out of range or no such network was found.
    """
    require_sizes(activities=activities, starts=starts, finishes=finishes, max_degree=max_degree)
    require(
        starts + finishes <= activities,
        f"{starts} starts and {finishes} finishes need more than {activities} activities",
    )
    wanted = round(complexity * (activities + 2)) - starts - finishes
    fewest = activities - min(starts, finishes)
    most = max_degree * (activities - max(starts, finishes))
    require(
        fewest <= wanted <= most,
        f"no network of {activities} activities with complexity {complexity} exists",
        f"with these starts, finishes and max_degree it lies between "
        f"{(fewest + starts + finishes) / (activities + 2):.3f} and "
        f"{(most + starts + finishes) / (activities + 2):.3f}",
    )
    nearest = -1
    for attempt, frugality in enumerate(_FRUGALITY):
        network = _skeleton(
            activities, starts, finishes, max_degree, frugality, draws.stream(f"network {attempt}")
        )
        if network is None:
            continue
        if len(network.arcs) <= wanted:
            _fill(network, starts, finishes, max_degree, wanted, draws.stream(f"arcs {attempt}"))
        if len(network.arcs) == wanted:
            return sorted(network.arcs)
        if nearest < 0 or abs(len(network.arcs) - wanted) < abs(nearest - wanted):
            nearest = len(network.arcs)
    reached = (nearest + starts + finishes) / (activities + 2)
    raise OptionError(
        f"no network of {activities} activities with complexity {complexity} was found",
        hint=f"nearest was {reached:.3f}; change complexity, max_degree, starts or finishes",
    )


def _skeleton(
    activities: int, starts: int, finishes: int, max_degree: int, frugality: float, draws: Draws
) -> Network | None:
    """Everybody but starts has a predecessor, everybody but finishes a successor; or None."""
    network = Network(activities)
    inner = activities - finishes
    for j in range(starts, activities):
        able = [i for i in range(min(j, inner)) if network.outdegree[i] < max_degree]
        if draws.chance(frugality):
            able = [i for i in able if not network.outdegree[i]] or able
        if not able:
            return None
        network.add(draws.pick(able), j)
    for i in range(inner - 1, -1, -1):
        if network.outdegree[i]:
            continue
        able = [
            j
            for j in range(max(i + 1, starts), activities)
            if network.indegree[j] < max_degree and network.accepts(i, j)
        ]
        if not able:
            return None
        network.add(i, draws.pick(able))
    return network


def _fill(
    network: Network, starts: int, finishes: int, max_degree: int, wanted: int, draws: Draws
) -> None:
    """Adds random arcs until there are ``wanted`` or none fits."""
    n = len(network.successors)
    inner = n - finishes
    fruitless = 0
    while len(network.arcs) < wanted and fruitless < 20 * n:
        i = draws.integer(0, inner - 1)
        j = draws.integer(max(i + 1, starts), n - 1)
        fits = network.outdegree[i] < max_degree and network.indegree[j] < max_degree
        if fits and network.accepts(i, j):
            network.add(i, j)
            fruitless = 0
        else:
            fruitless += 1
    if len(network.arcs) == wanted:
        return
    pairs = [
        (i, j)
        for i in range(inner)
        if network.outdegree[i] < max_degree
        for j in range(max(i + 1, starts), n)
        if network.indegree[j] < max_degree
    ]
    for k in draws.permutation(len(pairs)).tolist():
        i, j = pairs[k]
        fits = network.outdegree[i] < max_degree and network.indegree[j] < max_degree
        if fits and network.accepts(i, j):
            network.add(i, j)
            if len(network.arcs) == wanted:
                return
