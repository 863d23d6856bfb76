"""Instances by name and by parameters: benchmarks of the literature, random families, traps.

>>> from makespan.generators import named_instance
>>> named_instance("ft06")
Problem('ft06': 36 tasks, 6 jobs, 6 resources, minimise makespan)

:func:`makespan.generators.catalogue.generate` takes any name, :mod:`makespan.generators.traps` has
tiny problems with known optima, :mod:`makespan.generators.measures` measures projects.
"""

from makespan.generators.catalogue import families as families
from makespan.generators.everything import planted_everything as planted_everything
from makespan.generators.everything import random_everything as random_everything
from makespan.generators.known import BestKnown as BestKnown
from makespan.generators.known import best_known as best_known
from makespan.generators.lagged_projects import planted_rcpsp_max as planted_rcpsp_max
from makespan.generators.lagged_projects import random_rcpsp_max as random_rcpsp_max
from makespan.generators.machines import random_parallel_machines as random_parallel_machines
from makespan.generators.machines import random_single_machine as random_single_machine
from makespan.generators.named import instance_names as instance_names
from makespan.generators.named import named_instance as named_instance
from makespan.generators.projects import random_multimode_rcpsp as random_multimode_rcpsp
from makespan.generators.projects import random_rcpsp as random_rcpsp
from makespan.generators.shops import random_blocking_job_shop as random_blocking_job_shop
from makespan.generators.shops import random_due_date_job_shop as random_due_date_job_shop
from makespan.generators.shops import random_flexible_job_shop as random_flexible_job_shop
from makespan.generators.shops import random_flow_shop as random_flow_shop
from makespan.generators.shops import random_job_shop as random_job_shop
from makespan.generators.shops import random_open_shop as random_open_shop
from makespan.generators.shops import random_setup_job_shop as random_setup_job_shop
from makespan.generators.taillard import taillard_flow_shop as taillard_flow_shop
from makespan.generators.taillard import taillard_job_shop as taillard_job_shop
from makespan.generators.taillard import taillard_open_shop as taillard_open_shop
