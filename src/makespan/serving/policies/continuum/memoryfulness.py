"""How well the turns that a program has had foretell those to come: eta of eq. 2."""

from __future__ import annotations

import math


class Memory:
    """Memoryfulness: minus the correlation of turns served with turns left, over past programs.

    Attributes
    ----------
    eta
        From -1 to 1; 1 while programs do not differ.
    """

    def __init__(self) -> None:
        self.eta = 1.0
        self._count = self._so_far = self._left = 0
        self._so_far_squared = self._left_squared = self._both = 0

    def learn(self, turns: int) -> None:
        """A program of so many turns has ended: k were served when n - k were left. O(1)."""
        n = turns
        self._count += n
        self._so_far += n * (n + 1) // 2
        self._left += n * (n - 1) // 2
        self._so_far_squared += n * (n + 1) * (2 * n + 1) // 6
        self._left_squared += n * (n - 1) * (2 * n - 1) // 6
        self._both += (n - 1) * n * (n + 1) // 6
        of_so_far = self._count * self._so_far_squared - self._so_far**2
        of_left = self._count * self._left_squared - self._left**2
        if of_so_far > 0 and of_left > 0:
            together = self._count * self._both - self._so_far * self._left
            self.eta = -together / math.sqrt(of_so_far * of_left)
