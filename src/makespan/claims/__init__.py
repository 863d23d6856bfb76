"""The ledger of claims: what papers say, the experiment that measures it here, the verdict.

One module per system. A system's module declares the data of its :class:`~makespan.core.registry.
System` and holds the experiments; :func:`registry` reads the declarations without running any.
"""

from makespan.claims.catalogue import registry as registry
from makespan.claims.ledger import ledger as ledger
from makespan.claims.outcome import ClaimResult as ClaimResult
from makespan.claims.outcome import Conditions as Conditions
from makespan.claims.outcome import Figure as Figure
from makespan.claims.outcome import Measurement as Measurement
from makespan.claims.outcome import Verdict as Verdict
from makespan.claims.running import reproduce as reproduce
