"""Work for processes that die."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def fragile(job: Path, shared: int) -> int:
    """Dies the first time it sees a job whose mark is not there yet; fails on request."""
    if job.name == "wrong":
        raise ValueError("wrong job")
    if job.name == "deadly" or (job.name == "killed" and not job.exists()):
        job.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return shared + len(job.name)
