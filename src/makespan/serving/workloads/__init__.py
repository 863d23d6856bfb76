"""Workloads of the serving room: readers of traces, generators, transformations, summaries."""

from makespan.serving.workloads.catalogue import generate as generate
from makespan.serving.workloads.catalogue import generators as generators
from makespan.serving.workloads.llmservingsim import RecordedRun as RecordedRun
from makespan.serving.workloads.llmservingsim import read_recorded_run as read_recorded_run
from makespan.serving.workloads.reading import FORMATS as FORMATS
from makespan.serving.workloads.reading import read_workload as read_workload
from makespan.serving.workloads.reading import write_workload as write_workload
from makespan.serving.workloads.summary import describe as describe
