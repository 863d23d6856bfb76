"""A real vLLM server for tests: one seat, small blocks, a key."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from makespan.core.errors import EngineError
from makespan.serving.load.http import Server
from makespan.serving.load.looking import look_at

KEY = "key-of-a-test"


@contextmanager
def serving(model: Path, folder: Path, options: Sequence[str]) -> Iterator[Server]:
    """A server of the model, shut down in the end by the signal that a service manager sends.

    Parameters
    ----------
    folder
        For its log, in which no key may stand.
    options
        Of ``makespan serve-vllm``.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    # vLLM's servers have their engine in a process of its own, whatever other tests ask for.
    surroundings = {k: v for k, v in os.environ.items() if k != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    log = folder / "log.txt"
    words = [
        *(sys.executable, "-m", "makespan", "serve-vllm", str(model), "--port", str(port)),
        *(*options, "--api-key-env", "TEST_KEY"),
        *("--", "--max-num-seqs", "1", "--max-num-batched-tokens", "256", "--block-size", "32"),
        *("--num-gpu-blocks-override", "65", "--max-model-len", "1024", "--enforce-eager"),
        *("--served-model-name", "smol", "--enable-prompt-tokens-details"),
    ]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            words, stdout=out, stderr=out, env={**surroundings, "TEST_KEY": KEY}
        ) as process,
    ):
        address = Server.at(f"http://127.0.0.1:{port}")
        try:
            patience = time.monotonic() + 600
            while True:
                try:
                    look_at(address, model="smol", key=KEY)
                    break
                except EngineError:
                    assert process.poll() is None, log.read_text()[-3000:]
                    assert time.monotonic() < patience, log.read_text()[-3000:]
                    time.sleep(0.3)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert code in (0, -signal.SIGTERM), log.read_text()[-3000:]
    assert KEY not in log.read_text()
