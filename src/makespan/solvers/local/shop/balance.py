"""Evening out the loads of machines, for flexible shops where all machines are nearly full.

A tabu move sees the paths through one operation; where every machine is full to the last tick,
only exchanges between machines help, which it meets one half at a time. So schedules start from an
assignment whose loads are even already.
"""

from __future__ import annotations

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.shop.compiled import kernel
from makespan.solvers.local.shop.layout import Int32, Tables


@kernel
def balance(T: Tables, option: Int32, tries: int, load: IntArray, rng: Stream) -> int:
    """Change ``option`` by random moves and exchanges that make the loads more even.

    Each try keeps what lowers the sum of the squared loads.

    Parameters
    ----------
    load
        Scratch, int64 (machines,).

    Returns
    -------
    int
        Largest load.
    """
    n = len(T.operation)
    for k in range(len(load)):
        load[k] = 0
    for i in range(n):
        a = option[T.operation[i]]
        load[T.option_machine[a]] += T.option_duration[a]
    for _ in range(tries):
        x = T.operation[draw(rng) % n]
        options = T.option_ptr[x + 1] - T.option_ptr[x]
        if options < 2:
            continue
        old = option[x]
        new = T.option_ptr[x] + draw(rng) % options
        here, there = T.option_machine[old], T.option_machine[new]
        if here == there:
            continue
        less = load[here] - T.option_duration[old]
        more = load[there] + T.option_duration[new]
        square = load[here] * load[here] + load[there] * load[there]
        if less * less + more * more < square:
            option[x] = new
            load[here] = less
            load[there] = more
            continue
        y = T.operation[draw(rng) % n]
        back = option[y]
        if T.option_machine[back] != there or y == x:
            continue
        for a in range(T.option_ptr[y], T.option_ptr[y + 1]):
            if T.option_machine[a] == here:
                less += T.option_duration[a]
                more -= T.option_duration[back]
                if less * less + more * more < square:
                    option[x] = new
                    option[y] = a
                    load[here] = less
                    load[there] = more
                break
    largest = 0
    for k in range(len(load)):
        largest = max(largest, load[k])
    return largest
