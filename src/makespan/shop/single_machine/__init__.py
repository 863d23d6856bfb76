"""Total tardiness on one machine: rules, exact methods, and a search for new rules."""

from makespan.shop.single_machine.decomposition import Decomposed as Decomposed
from makespan.shop.single_machine.decomposition import decompose as decompose
from makespan.shop.single_machine.dispatching import Limit as Limit
from makespan.shop.single_machine.dispatching import Moment as Moment
from makespan.shop.single_machine.dispatching import Rule as Rule
from makespan.shop.single_machine.dispatching import atc as atc
from makespan.shop.single_machine.dispatching import dispatch as dispatch
from makespan.shop.single_machine.dispatching import edd as edd
from makespan.shop.single_machine.dispatching import mdd as mdd
from makespan.shop.single_machine.dispatching import mddc as mddc
from makespan.shop.single_machine.dispatching import spt as spt
from makespan.shop.single_machine.engine import TotalTardinessSolver as TotalTardinessSolver
from makespan.shop.single_machine.engine import lower_bound as lower_bound
from makespan.shop.single_machine.jobs import Jobs as Jobs
from makespan.shop.single_machine.jobs import Recognised as Recognised
from makespan.shop.single_machine.jobs import problem_of as problem_of
from makespan.shop.single_machine.jobs import recognise as recognise
from makespan.shop.single_machine.orders import augment as augment
from makespan.shop.single_machine.orders import eddc as eddc
from makespan.shop.single_machine.orders import eddc_as_printed as eddc_as_printed
from makespan.shop.single_machine.positional import MipOutcome as MipOutcome
from makespan.shop.single_machine.positional import solve_positional as solve_positional
from makespan.shop.single_machine.rules import RULES as RULES
from makespan.shop.single_machine.rules import order_by as order_by
from makespan.shop.single_machine.rules import schedule_single_machine as schedule_single_machine
from makespan.shop.single_machine.subsets import subset_order as subset_order
