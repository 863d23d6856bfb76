"""Reading and writing problems and schedules, one module per file format."""

from makespan.io.format import Format as Format
from makespan.io.format import ProblemFormat as ProblemFormat
from makespan.io.registry import FormatRegistry as FormatRegistry
from makespan.io.registry import detect as detect
from makespan.io.registry import formats as formats
from makespan.io.registry import read as read
from makespan.io.registry import read_text as read_text
from makespan.io.registry import to_text as to_text
from makespan.io.registry import write as write
from makespan.io.text import Text as Text
