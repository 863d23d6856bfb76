"""Drawings of schedules: interactive and static Gantt charts, terminal text, Perfetto traces."""

from makespan.viz.html import gantt_html as gantt_html
from makespan.viz.html import write_gantt as write_gantt
