"""Instances by name and by parameters: benchmarks of the literature, random families, traps.

>>> from makespan.generators import named_instance
>>> named_instance("ft06")
Problem('ft06': 36 tasks, 6 jobs, 6 resources, minimise makespan)
"""

from makespan.generators.known import BestKnown as BestKnown
from makespan.generators.known import best_known as best_known
from makespan.generators.named import instance_names as instance_names
from makespan.generators.named import named_instance as named_instance
from makespan.generators.taillard import taillard_flow_shop as taillard_flow_shop
from makespan.generators.taillard import taillard_job_shop as taillard_job_shop
from makespan.generators.taillard import taillard_open_shop as taillard_open_shop
