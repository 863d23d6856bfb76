"""Fixtures, Hypothesis profiles and the closing summary shared by all tests."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MAKESPAN_DATA") or ROOT.parent / "shared" / "data")

# `ci` draws the same examples on every run, so that a change that did not cause a failure does not
# meet one; `dev` draws new ones each time, which is how new failures are found.
settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=1000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)


def pytest_configure() -> None:
    """Let interrupts through, also where the suite runs in the background and ignores them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the public scheduling instances; skips where it is absent."""
    folder = DATA / "scheduling"
    if not folder.is_dir():
        pytest.skip(f"instance collections absent: no {folder} (set MAKESPAN_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium or Chrome; skips where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no browser: install chromium")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for the whole file.

    Not for longer: while it is open an event loop runs in this thread, and tests of other files
    could not run theirs.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=words)
        yield opened
        opened.close()


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray head without CPUs for work, which this process is connected to, and no nodes yet."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.CRITICAL)
    yield made
    ray.shutdown()
    made.shutdown()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which examples Hypothesis draws and where instances are read from."""
    return [
        f"hypothesis profile: {PROFILE} (HYPOTHESIS_PROFILE=dev|ci|thorough)",
        f"instances: {DATA / 'scheduling'}{'' if DATA.is_dir() else ' (absent)'}",
    ]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Repeat the seed, and count skipped tests by reason, just before the closing line."""
    seed = getattr(config.option, "randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"Order and seeds of this run: --randomly-seed={seed}")
    skipped = terminalreporter.stats.get("skipped", [])
    reasons: Counter[str] = Counter()
    for report in skipped:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.write_line(f"Skipped {len(skipped)}:")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"  {count} x {reason}")
