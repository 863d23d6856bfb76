"""What readers of traces give: a load whose times are in the trace's own ticks, and its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.workload import PICOSECONDS, TIME_LIMIT, Workload


@dataclass(frozen=True, slots=True)
class Trace:
    """A load as its file has it.

    Traces last up to months, which picoseconds cannot count; so a part is taken, or the rate
    raised, before times become picoseconds.

    Attributes
    ----------
    requests
        Arrivals in ticks since the trace's zero; delays in picoseconds.
    tick
        Picoseconds.
    """

    requests: Workload
    tick: int

    def workload(
        self,
        *,
        start: float | None = None,
        until: float | None = None,
        limit: int | None = None,
        rate_scale: float = 1.0,
    ) -> Workload:
        """The requests of a window of time, with times in picoseconds.

        Parameters
        ----------
        start, until
            Seconds of the trace; requests from ``start`` on and before ``until`` are taken. With
            ``start`` the window's beginning becomes the load's zero.
        limit
            Take the first so many requests of the window.
        rate_scale
            Arrivals come so many times as fast; times of tools stay as they are.

        Raises
        ------
        OptionError
            If an option is out of range, or what is taken lasts longer than a workload can.
        """
        load = self.requests
        if not load.count:
            return load
        for key, value in (("start", start), ("until", until)):
            if value is not None and not 0 <= value < float("inf"):
                raise OptionError(f"{key} is {value} s", hint="give seconds from 0 on")
        if start is not None and until is not None and start >= until:
            raise OptionError(f"the window from {start} s until {until} s is empty")
        if limit is not None and (type(limit) is not int or limit < 1):
            raise OptionError(f"limit is {limit}", hint="take at least one request")
        if not 1e-6 <= rate_scale <= 1e6:
            raise OptionError(f"rate_scale is {rate_scale}", hint="from 1e-6 to 1e6")
        first = self._ticks(start or 0.0)
        low = int(np.searchsorted(load.arrival, first))
        high = load.count
        if until is not None:
            high = int(np.searchsorted(load.arrival, self._ticks(until)))
        if limit is not None:
            high = min(high, low + limit)
        if low >= high:
            raise OptionError(
                f"no request of {load.name!r} falls into the window",
                hint=f"the last arrives at {int(load.arrival[-1]) * self.tick / PICOSECONDS:g} s",
            )
        if (low, high) != (0, load.count):
            load = load.take(np.arange(low, high))
        arrival = load.arrival - (first if start is not None else 0)
        longest = int(arrival[-1]) * self.tick / rate_scale
        if longest > TIME_LIMIT:
            raise OptionError(
                f"{load.name!r} lasts {longest / PICOSECONDS / 86400:.1f} days",
                hint=f"a workload holds {TIME_LIMIT / PICOSECONDS / 86400:.0f}: take a part with "
                "start= and until=, or raise rate_scale=",
            )
        said = "".join(
            f", {key} {value:g}"
            for key, value, plain in (
                ("from second", start, None),
                ("until second", until, None),
                ("first", limit, None),
                ("rate times", rate_scale, 1.0),
            )
            if value is not None and value != plain
        )
        ratio = Fraction(rate_scale).limit_denominator(1_000_000)
        return replace(
            load,
            arrival=_times(arrival, self.tick * ratio.denominator, ratio.numerator),
            source=load.source + said,
        )

    def _ticks(self, seconds: float) -> int:
        return -(-int(Fraction(repr(float(seconds))) * PICOSECONDS) // self.tick)


def _times(
    values: np.typing.NDArray[np.int64], numerator: int, denominator: int
) -> np.typing.NDArray[np.int64]:
    """``values * numerator / denominator``, rounded down, exact whatever the sizes."""
    if not len(values) or int(values[-1]) * numerator < 1 << 63:
        return values * numerator // denominator
    return np.array([v * numerator // denominator for v in values.tolist()], dtype=np.int64)
