"""Llumnix: requests are dispatched, moved between engines and engines added by one number each.

"Llumnix: Dynamic Scheduling for Large Language Model Serving", OSDI 2024 (arXiv 2406.03243). An
engine's *freeness* is the memory that its requests leave, over their number: about the steps they
can still decode. Rules turn the four reasons to reschedule (balance, room for a long prompt, urgent
requests, an engine to be emptied) into *virtual usage*, so that freeness alone decides. Details
follow the authors' code, whose two states differ: the artifact of the paper (AlibabaPAI/llumnix,
branch osdi24ae, commit 92f6f9d5; "artifact" below) and the later product on Ray (branch main;
"main").
"""

from makespan.serving.policies.llumnix.choice import CHOICES as CHOICES
from makespan.serving.policies.llumnix.dispatch import Dispatch as Dispatch
from makespan.serving.policies.llumnix.pairing import PAIRINGS as PAIRINGS
from makespan.serving.policies.llumnix.pairing import Pairing as Pairing
from makespan.serving.policies.llumnix.router import Llumnix as Llumnix
from makespan.serving.policies.llumnix.scaling import AutoScaling as AutoScaling
from makespan.serving.policies.llumnix.usage import Measure as Measure
from makespan.serving.policies.llumnix.usage import Report as Report
