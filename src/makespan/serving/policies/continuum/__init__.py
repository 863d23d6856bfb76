"""Continuum: keep the memory of an agent's turn for as long as waiting for the next one pays.

"Continuum: Efficient and Robust Multi-Turn LLM Agent Scheduling with KV Cache Time-to-Live"
(arXiv 2511.02230). A turn that ends with a tool call leaves its context in memory for a while. The
time to live maximises ``P(pause <= ttl) * (T * eta + reload) - ttl`` (eq. 2), where P are past
pauses of the tool, T is what turns without a kept context wait in the queue, reload is the time to
have the context again (computed anew, or loaded from a tier that offloads it), and eta tells how
well the number of turns so far foretells those to come. Turns are admitted by the arrival of their
*program*: preempted ones first, then those whose context is kept, then the rest.
"""

from makespan.serving.policies.continuum.lifetime import RULES as RULES
from makespan.serving.policies.continuum.lifetime import Lifetime as Lifetime
from makespan.serving.policies.continuum.lifetime import Rule as Rule
from makespan.serving.policies.continuum.memoryfulness import Memory as Memory
from makespan.serving.policies.continuum.pauses import Pauses as Pauses
from makespan.serving.policies.continuum.policy import Continuum as Continuum
