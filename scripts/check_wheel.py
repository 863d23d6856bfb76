"""Build the wheel, install it into an empty environment and use it there.

The source tree is out of reach while the installed package runs, so what passes here is what a
user gets. Run with the development environment's Python: ``make wheel``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SNIPPET = """
import sys
from pathlib import Path

import makespan
from makespan import ProblemBuilder, solve, verify

where = Path(makespan.__file__).resolve()
assert where.is_relative_to(Path(sys.prefix).resolve()), f"not the installed package: {where}"

b = ProblemBuilder("two jobs")
saw, drill = b.machine("saw"), b.machine("drill")
for name, times in {"table": (3, 2), "chair": (2, 4)}.items():
    job = b.job(name)
    cut = b.task(f"cut {name}", duration=times[0], machine=saw, job=job)
    bore = b.task(f"bore {name}", duration=times[1], machine=drill, job=job)
    b.precedence(cut, bore)
b.minimise("makespan")
problem = b.build()
result = solve(problem, time_limit=300)
assert result.status.value == "OPTIMAL", result
assert result.objective == 8, result
assert result.schedule is not None
assert verify(problem, result.schedule) == []
print("python: optimal makespan", result.objective)
"""


def run(command: list[str | Path], *, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run ``command``, show it and its time, and return its output; exit if it fails."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = " ".join(
        Path(str(part)).name if i == 0 else str(part)[:60] for i, part in enumerate(command)
    ).split("\n", 1)[0]
    print(f"  {shown}  [{time.perf_counter() - begun:.1f} s]")
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """Wheel of the source tree, built with the hatchling that is installed."""
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT)
    return next(folder.glob("*.whl"))


def check_wheel(wheel: Path, folder: Path) -> None:
    """Install ``wheel`` into an empty environment below ``folder`` and try it."""
    home = folder / "venv"
    venv.create(home, with_pip=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    work = folder / "work"
    work.mkdir()
    python = scripts / "python"
    run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel],
        cwd=work,
        env=env,
    )
    run([python, "-m", "pip", "check"], cwd=work, env=env)
    makespan = scripts / "makespan"
    run([makespan, "--help"], cwd=work, env=env)
    run([makespan, "solve", "ft06", "--time", "300", "--save", "ft06.json"], cwd=work, env=env)
    run([makespan, "verify", "ft06", "ft06.json"], cwd=work, env=env)
    print(run([python, "-c", SNIPPET], cwd=work, env=env), end="")


def main() -> None:
    """Build and check one wheel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", nargs="?", type=Path, help="an already built wheel")
    chosen = parser.parse_args().wheel
    with tempfile.TemporaryDirectory(prefix="makespan-wheel-") as name:
        folder = Path(name)
        wheel = chosen.resolve() if chosen else build_wheel(folder)
        check_wheel(wheel, folder)
        print(f"{wheel.name} works in an empty environment.")


if __name__ == "__main__":
    main()
