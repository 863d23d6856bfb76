"""A brute-force oracle: the semantics read literally, tick by tick, in plain Python.

It shares nothing with the verifier, the metrics or an engine, and is meant for problems of a
handful of tasks and a few dozen ticks. ``broken`` names the rules a schedule breaks, ``value``
evaluates the objective, ``best`` enumerates every schedule within a horizon.
"""

from tests.oracle.reading import Placed as Placed
from tests.oracle.reading import Plan as Plan
from tests.oracle.reading import Reader as Reader
from tests.oracle.reading import plan_of as plan_of
from tests.oracle.reading import schedule_of as schedule_of
from tests.oracle.reading import works as works
from tests.oracle.rules import broken as broken
from tests.oracle.rules import is_feasible as is_feasible
from tests.oracle.rules import sequence as sequence
from tests.oracle.search import TooManyPlansError as TooManyPlansError
from tests.oracle.search import best as best
from tests.oracle.search import options as options
from tests.oracle.search import some_feasible as some_feasible
from tests.oracle.values import value as value
