"""Toy engines in processes, for tests of what becomes of processes; see ``Processes``."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from makespan.serving.policy import Router
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet_run import Serving
from makespan.serving.vllm.handover import Handing
from makespan.serving.vllm.processes import Processes
from makespan.serving.vllm.worker import Desk, Setup, serve
from makespan.serving.workload import Workload
from tests.serving.vllm.toy import VOCABULARY, ToyEngine

LIMITS = EngineSettings(blocks=400, block_size=4, max_num_batched_tokens=64, max_num_seqs=8)


def setups(count: int) -> list[Setup]:
    """Of engines whose model is nowhere."""
    return [Setup(Path(f"toy-{k}"), LIMITS) for k in range(count)]


def work(connection: Connection, setup: Setup) -> None:
    """What a process of a toy runs; the name of its model says what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if setup.model.name == "toy-fails":
        connection.send(say.Failed("there is no such model"))
        return
    if setup.model.name == "toy-dies":
        os._exit(3)
    if setup.model.name == "toy-loads":
        time.sleep(600)
    try:
        engine = ToyEngine(setup.settings, pause=0.002)
        connection.send(
            say.Ready(setup.settings, engine.max_model_len, VOCABULARY, setup.model.name)
        )
        serve(connection, Desk(engine))
    except (EOFError, OSError):
        return


def stubborn(connection: Connection, setup: Setup) -> None:
    """A process that loads and hears nothing."""
    connection.send(say.Ready(setup.settings, 100, VOCABULARY, "stubborn"))
    time.sleep(600)


def main() -> None:
    """Serve for minutes with two engines, whose numbers are printed first."""
    crew = Processes(setups(2), work)
    try:
        for k in range(2):
            crew.start(k)
        crew.await_ready(range(2))
        pids = " ".join(str(process.pid) for process in crew.processes.values())
        sys.stdout.write(f"{pids}\n")
        sys.stdout.flush()
        many = Workload("long", np.zeros(90, dtype=np.int64), np.full(90, 4), np.full(90, 1500))
        if sys.argv[1] == "exception":
            raise RuntimeError("of a user")
        Serving(many, crew, Router(), Handing()).run(300.0)
    finally:
        crew.close()


if __name__ == "__main__":
    main()
