"""Playing a workload against a server of language models, and measuring what its clients get."""

from __future__ import annotations

from makespan.serving.load.playing import LoadRun as LoadRun
from makespan.serving.load.playing import play as play
from makespan.serving.load.request import Client as Client
