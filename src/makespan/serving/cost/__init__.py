"""How long a step of an engine takes, by operators and layers, and how that is calibrated."""

from makespan.serving.cost.batch import Batch as Batch
from makespan.serving.cost.batch import Block as Block
from makespan.serving.cost.batch import Chunk as Chunk
from makespan.serving.cost.calibration.record import Calibration as Calibration
from makespan.serving.cost.hardware import Hardware as Hardware
from makespan.serving.cost.host import Host as Host
from makespan.serving.cost.memory import kv_blocks as kv_blocks
from makespan.serving.cost.models import ModelShape as ModelShape
from makespan.serving.cost.models import model as model
from makespan.serving.cost.operator_cost import OperatorCost as OperatorCost
from makespan.serving.cost.operators import Operators as Operators
from makespan.serving.cost.step import LinearCost as LinearCost
from makespan.serving.cost.step import StepCost as StepCost
