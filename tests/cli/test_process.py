"""The program as a process: streams, signals, exit codes, speed of the help, completion."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Check = Callable[[str], dict[str, Any]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

TINY = "2 2\n0 1 1 2\n1 1 0 2\n"


def test_a_problem_from_standard_input_becomes_pure_json(run: Run, checked: Check) -> None:
    """Standard output is one document; standard error has the progress and the summary."""
    done = run(["solve", "-", "--json", "-"], stdin=TINY)
    document = checked(done.stdout)
    assert done.returncode == 0
    assert document["status"] == "OPTIMAL"
    assert document["objective"] == document["bound"] == 3
    assert "OPTIMAL" in done.stderr


def test_the_exit_codes_are_those_of_the_manual(run: Run, tmp_path: Path) -> None:
    """0 done, 1 violations, 2 bad input."""
    problem, plan = tmp_path / "p.jsp", tmp_path / "plan.csv"
    problem.write_text(TINY)
    rows = ["J1.1,0", "J1.2,1", "J2.1,1", "J2.2,3"]
    plan.write_text("\n".join(["task,start", *rows]))
    wrong = run(["verify", str(problem), str(plan), "-q"])
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (1, "", "")
    plan.write_text("task,start\nJ1.1,0\nJ1.2,1\nJ2.1,0\nJ2.2,1\n")
    assert run(["verify", str(problem), str(plan)]).returncode == 0
    assert run(["verify", str(problem), "none.csv"]).returncode == 2
    assert run(["solve"]).returncode == 2
    assert run(["solve", str(problem), "--no-such-option"]).returncode == 2


def test_ctrl_c_keeps_the_best_and_completes_every_output(
    start: Start, checked: Check, tmp_path: Path
) -> None:
    """An interrupted solve ends soon with code 130, a verified schedule and whole files."""
    outputs = {name: tmp_path / name for name in ("a.json", "a.html", "a.svg", "a.csv", "plan")}
    process = start(
        "solve", "ta41", "--time", "100", "--json", str(outputs["a.json"]),
        "--html", str(outputs["a.html"]), "--svg", str(outputs["a.svg"]),
        "--csv", str(outputs["a.csv"]), "--save", str(outputs["plan"]),
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        line = ""
        while not re.search(r"makespan \d+", line):
            line = process.stderr.readline()
            assert line, "the solve ended before it found anything"
        process.send_signal(signal.SIGINT)
        told = time.monotonic()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - told < 30
    document = checked(outputs["a.json"].read_text())
    assert document["cancelled"] is True
    assert document["exit_code"] == 130
    assert document["verified"] is True
    assert len(document["schedule"]) == 600
    assert outputs["a.html"].read_text().rstrip().endswith("</html>")
    assert outputs["a.svg"].read_text().rstrip().endswith("</svg>")
    assert len(outputs["a.csv"].read_text().splitlines()) == 601
    assert json.loads(outputs["plan"].read_text())
    assert "stopped by you" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(outputs)


def test_a_terminated_solve_keeps_the_best_too(start: Start, checked: Check) -> None:
    """Cluster managers send SIGTERM; the document still comes."""
    process = start("solve", "ta41", "--time", "100", "--json", "-")
    with process:
        assert process.stderr is not None
        while not re.search(r"makespan \d+", process.stderr.readline()):
            assert process.poll() is None
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert checked(out)["cancelled"] is True


def test_a_closed_pipe_is_no_error(start: Start) -> None:
    """`makespan generate --list | head -1` ends quietly."""
    process = start("generate", "--list", "--json", "-", "--quiet")
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert errors == ""
    assert process.returncode == 0


def test_help_answers_at_once(run: Run) -> None:
    """--help takes a fraction of a second of processor time and imports no engine."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    begun = spent()
    assert run(["--help"]).returncode == 0
    # 0.2 s where this was written; a busy machine takes twice as long.
    assert spent() - begun < 0.8
    probe = (
        "import sys; sys.argv = ['makespan', '--help']\n"
        "from makespan.cli import main\n"
        "try:\n main()\nexcept SystemExit:\n pass\n"
        "heavy = {'numpy', 'numba', 'ortools', 'highspy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_one_line(run: Run) -> None:
    """--version names the program and its version."""
    from makespan import __version__

    assert run(["--version"]).stdout == f"makespan {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_made_for_each_shell(run: Run, shell: str) -> None:
    """--show-completion prints a script that calls the program back."""
    done = run(
        ["--show-completion", shell], env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert "_MAKESPAN_COMPLETE" in done.stdout


def _complete(run: Run, words: str, cwd: Path) -> list[str]:
    done = run(
        [],
        cwd=cwd,
        env={
            "_MAKESPAN_COMPLETE": "complete_bash",
            "COMP_WORDS": f"makespan {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        },
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_knows_instances_files_engines_and_formats(run: Run, tmp_path: Path) -> None:
    """What can be typed at a place is offered there."""
    (tmp_path / "ft_mine.txt").write_text(TINY)
    offered = _complete(run, "solve ft", tmp_path)
    assert {"ft06", "ft10", "ft20", "ft_mine.txt"} <= set(offered)
    assert _complete(run, "solve folder", tmp_path) == []  # the shell's own completion of files
    assert "cpsat" in _complete(run, "solve ft06 --engine c", tmp_path)
    assert "jsplib" in _complete(run, "convert ft06 --to js", tmp_path)
    assert "makespan+total_tardiness" in _complete(
        run, "solve ft06 --objective makespan+total_tar", tmp_path
    )
    assert "priority-rules" in _complete(run, "reproduce prio", tmp_path)
    assert _complete(run, "solve ft06 --blocking s", tmp_path) == ["swap"]


def _on_a_terminal(words: list[str], keys: dict[str, bytes] | None = None) -> tuple[str, int]:
    """Output and exit code of the program on a pseudo-terminal."""
    source = str(Path(__file__).resolve().parents[2] / "src")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(PYTHONPATH=source, TERM="xterm-256color", COLUMNS="100", LINES="40")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "makespan", *words])
    seen = b""
    pending = dict(keys or {})
    deadline = time.monotonic() + 110
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        if not ready:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
        for sign, answer in list(pending.items()):
            if re.search(sign.encode(), seen):
                os.write(terminal, answer)
                del pending[sign]
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return seen.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status)


def test_on_a_terminal_progress_is_live_and_ctrl_c_is_a_key() -> None:
    """A panel shows the incumbent; Ctrl-C typed at it ends the solve with the best schedule."""
    shown, code = _on_a_terminal(["solve", "ta41", "--time", "100"], keys={r"gap \d": b"\x03"})
    assert code == 130
    assert "Ctrl-C keeps the best" in shown
    assert "stopped by you" in shown
    assert "\x1b[" in shown
    assert "Traceback" not in shown
