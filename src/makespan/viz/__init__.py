"""Drawings of schedules: interactive and static Gantt charts, terminal text, Perfetto traces."""

from makespan.viz.html import gantt_html as gantt_html
from makespan.viz.html import write_gantt as write_gantt
from makespan.viz.perfetto import perfetto_json as perfetto_json
from makespan.viz.perfetto import write_perfetto as write_perfetto
from makespan.viz.svg import gantt_svg as gantt_svg
from makespan.viz.svg import write_svg as write_svg
from makespan.viz.terminal import terminal_gantt as terminal_gantt
