r"""Reading and writing problems and schedules, one module per file format.

>>> from makespan.io import read_text
>>> read_text("2 2\n0 3 1 2\n1 4 0 1\n", source="tiny.txt")
Problem('tiny': 4 tasks, 2 jobs, 2 resources, minimise makespan)
"""

from makespan.io.format import Format as Format
from makespan.io.format import ProblemFormat as ProblemFormat
from makespan.io.registry import FormatRegistry as FormatRegistry
from makespan.io.registry import detect as detect
from makespan.io.registry import formats as formats
from makespan.io.registry import read as read
from makespan.io.registry import read_text as read_text
from makespan.io.registry import to_text as to_text
from makespan.io.registry import write as write
from makespan.io.schedules import SCHEDULE_FORMATS as SCHEDULE_FORMATS
from makespan.io.schedules import ScheduleFormat as ScheduleFormat
from makespan.io.schedules import read_schedule as read_schedule
from makespan.io.schedules import read_schedule_text as read_schedule_text
from makespan.io.schedules import schedule_to_text as schedule_to_text
from makespan.io.schedules import write_schedule as write_schedule
from makespan.io.text import Text as Text
