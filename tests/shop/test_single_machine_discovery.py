"""The search for rules: expressions, grammar, islands, sandbox, model, and the loop around them."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shop.single_machine_support import some_jobs

from makespan.core.errors import EngineError, FormatError, MissingDependencyError, OptionError
from makespan.shop.single_machine import Jobs, dispatch, mdd, mddc, order_by
from makespan.shop.single_machine.discovery import (
    ExpressionEvaluator,
    Islands,
    ModelProposer,
    MutationProposer,
    Program,
    ProgramEvaluator,
    Sandbox,
    discover,
    parse,
    rule_of,
    training_set,
)
from makespan.shop.single_machine.discovery.__main__ import main
from makespan.shop.single_machine.discovery.expressions import OPERATORS, VARIABLES, Tree
from makespan.shop.single_machine.discovery.model import (
    SEED_PROGRAMS,
    best_shot_prompt,
    code_of,
)

CHALLENGER = (
    "max(1.1*p + t, d) * (1 + (p/(t + p_max)) * (p/(t + p_max))"
    " / (1 + (p/(t + p_max)) * (p/(t + p_max)))) + p/(t + p_mean)"
)
"""MDDC in the words of the expressions."""

LEAVES = st.one_of(
    st.sampled_from(VARIABLES).map(Tree),
    st.integers(-20, 20).map(lambda n: Tree("", number=n / 4)),
)
TREES = st.recursive(
    LEAVES,
    lambda inside: st.builds(
        lambda word, a, b: Tree(word, left=a, right=b), st.sampled_from(OPERATORS), inside, inside
    ),
    max_leaves=12,
)


def _scored(text: str, instances: list[Jobs]) -> float:
    return ExpressionEvaluator.over(instances).score(text)


@given(tree=TREES)
@settings(max_examples=100, deadline=None)
def test_expressions_survive_as_text(tree: Tree) -> None:
    """What is written is what is read."""
    assert parse(str(tree)) == tree
    assert tree.size == len(list(tree.nodes()))


@given(tree=TREES, jobs=some_jobs(most=8))
@settings(max_examples=150, deadline=None)
def test_the_kernel_equals_the_reference(tree: Tree, jobs: Jobs) -> None:
    """Orders by the tree in NumPy have the tardiness the kernel says, division by 0 and all."""
    if len(jobs):
        order = dispatch(jobs, rule_of(tree))
        assert _scored(str(tree), [jobs]) == jobs.total_tardiness(order)


def test_the_published_rules_are_expressions() -> None:
    """EDD, MDD and MDDC have spellings that order as they do."""
    for jobs in training_set(25, jobs=20, seed=3):
        assert dispatch(jobs, rule_of(parse(CHALLENGER))).tolist() == dispatch(jobs, mddc).tolist()
        assert (
            dispatch(jobs, rule_of(parse("max(p + t, d)"))).tolist() == dispatch(jobs, mdd).tolist()
        )
    instances = training_set(50)
    values = [jobs.total_tardiness(order_by(jobs, "MDDC")) for jobs in instances]
    assert _scored(CHALLENGER, instances) == sum(values) / 50


@pytest.mark.parametrize(
    "text",
    [
        "",
        "q",
        "p +",
        "p ** 2",
        "__import__('os')",
        "p.real",
        "max(p)",
        "max(p, d, t)",
        "max(p, key=d)",
        "abs(p)",
        "[p]",
        "p if d else t",
        "True",
        "1e300",
        "1j",
        "'p'",
        "(" * 300 + "p" + ")" * 300,
        "+".join(["p"] * 40),
        "p" * 10_000,
    ],
)
def test_other_text_is_no_expression(text: str) -> None:
    """Named as such, and worth nothing in the loop."""
    with pytest.raises(FormatError):
        parse(text)
    assert _scored(text, training_set(1)) == math.inf


def test_offspring_are_expressions_of_bounded_size() -> None:
    """And the same for the same seed."""
    parents = ["d", CHALLENGER.replace(" ", "")]
    one, other = MutationProposer(5), MutationProposer(5)
    children = [one.propose(parents) for _ in range(300)]
    assert children == [other.propose(parents) for _ in range(300)]
    assert children != [MutationProposer(6).propose(parents) for _ in range(300)]
    assert len(set(children)) > 200
    assert all(parse(child).size <= 35 for child in children)


def test_islands_favour_the_better_and_keep_the_bad() -> None:
    """Ranks are drawn with falling chances; failures sit at the end."""
    islands = Islands([Program(10.0, 0, "a")], count=1, seed=1)
    for k in range(9):
        islands.add(0, f"b{k}", 20.0 + k)
    islands.add(0, "failed", math.nan)
    islands.add(0, "failed too", math.inf)
    assert [p.text for p in islands.members(0)][-2:] == ["failed", "failed too"]
    assert islands.best.text == "a"
    seen = Counter()
    for _ in range(2000):
        island, programs = islands.sample()
        assert island == 0
        assert len({p.number for p in programs}) == len(programs) == 2
        assert programs[-1].score <= programs[0].score
        seen.update(p.text for p in programs)
    assert seen["a"] > seen["b4"] > seen["failed"] > 0


def test_a_reset_wipes_the_worse_half() -> None:
    """Each wiped island starts from the best of a survivor."""
    islands = Islands([Program(50.0, 0, "seed")], count=5, seed=2)
    for k in range(5):
        islands.add(k, f"x{k}", 40.0 - k)
    assert islands.reset() == [0, 1]
    assert {islands.members(i)[0].text for i in (0, 1)} <= {"x2", "x3", "x4"}
    assert [len(islands.members(i)) for i in range(5)] == [1, 1, 2, 2, 2]
    with pytest.raises(OptionError):
        Islands([], count=3)
    with pytest.raises(OptionError):
        Islands([Program(1.0, 0, "a")], count=0)


def _search(seed: int, **options: Any) -> Any:
    evaluator = ExpressionEvaluator.over(training_set(50, jobs=12))
    return discover(MutationProposer(seed), evaluator, ("d", "max(p + t, d)"), seed=seed, **options)


def test_the_loop_finds_better_rules_and_repeats_itself() -> None:
    """Better than both seeds, with the same steps for the same seed."""
    one, other = (_search(3, iterations=400, reset_every=100) for _ in range(2))
    assert one.best == other.best
    assert [s.text for s in one.steps] == [s.text for s in other.steps]
    assert one.best.score < one.steps[0].score
    scores = [s.score for s in one.steps]
    assert scores == sorted(scores, reverse=True)
    assert one.iterations == 400
    assert not one.stopped
    assert one.best.score == _scored(one.best.text, training_set(50, jobs=12))
    assert json.loads(json.dumps(one.document()))["best"]["text"] == one.best.text


def test_the_loop_stops_and_checks_its_options() -> None:
    """By an event, by time, and before it starts on nothing."""
    stop = threading.Event()
    stopped = []

    def halt(step: Any) -> None:
        stopped.append(step)
        stop.set()

    found = _search(1, iterations=1000, stop=stop, on_step=halt)
    assert found.stopped
    assert found.iterations == 0
    assert len(stopped) == 1
    assert _search(1, iterations=10**9, time_limit=0.05).stopped
    for options in ({"iterations": -1}, {"iterations": 1, "reset_every": 0}):
        with pytest.raises(OptionError):
            _search(1, **options)
    evaluator = ExpressionEvaluator.over(training_set(2))
    with pytest.raises(OptionError, match="finite"):
        discover(MutationProposer(1), evaluator, ("nonsense",), iterations=1)


def test_failures_are_counted_and_kept() -> None:
    """A proposer that writes nonsense ends with the best seed."""

    class Nonsense:
        name = "nonsense"
        count = 0

        def propose(self, parents: Any) -> str:
            self.count += 1
            return f"nonsense {self.count % 3}"

    evaluator = ExpressionEvaluator.over(training_set(5))
    found = discover(Nonsense(), evaluator, ("d", "max(p + t, d)"), iterations=9)
    assert found.best.text == "max(p + t, d)"
    assert (found.failed, found.repeated) == (3, 6)


def test_the_training_set_has_every_class() -> None:
    """25 classes in turn, reproducible, with due dates before 0."""
    one, other = training_set(50, seed=2), training_set(50, seed=2)
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.due, b.due)
    assert min(int(jobs.due.min()) for jobs in one) < 0
    with pytest.raises(OptionError):
        training_set(0)


def test_the_command_writes_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Progress on the terminal, JSON in the file."""
    path = tmp_path / "found.json"
    options = ["--iterations", "60", "--instances", "25", "--jobs", "10", "--output", str(path)]
    assert main(options) == 0
    document = json.loads(path.read_text())
    assert document["schema"] == "makespan/rule-discovery/1"
    assert set(document["held_out"]) == {"found", "EDD", "MDD", "MDDC"}
    assert "60 proposals" in capsys.readouterr().out
    assert main(["--instances", "0"]) == 2
    assert "at least one instance" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_found(tmp_path: Path) -> None:
    """The first one ends the run with its file written and code 130."""
    path = tmp_path / "found.json"
    module = "makespan.shop.single_machine.discovery"
    command = [sys.executable, "-u", "-m", module, "--iterations", "1000000000"]
    command += ["--instances", "25", "--output", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if " s  " in line:
                break
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.wait(timeout=60) == 130
    assert json.loads(path.read_text())["stopped"]


def test_without_bubblewrap_no_program_runs() -> None:
    """A clear refusal, not a weaker sandbox."""
    with pytest.raises(MissingDependencyError, match="bubblewrap only"):
        Sandbox(program="no-such-bwrap")
    with pytest.raises(MissingDependencyError, match="bubblewrap cannot"):
        Sandbox(program=shutil.which("false") or "false")
    with pytest.raises(OptionError):
        Sandbox(seconds=0)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    """A sandbox with ample time, so that a busy machine changes nothing, or a skip that says why."""
    try:
        return Sandbox(seconds=20, memory=512, program=os.environ.get("MAKESPAN_BWRAP", "bwrap"))
    except MissingDependencyError as error:
        pytest.skip(f"no sandbox here: {error}")


SMALL = [([3, 1, 2], [4, 1, 9]), ([5], [2])]


def test_seed_programs_order_as_their_rules(sandbox: Sandbox) -> None:
    """EDD and MDD, through the sandbox and back."""
    instances = training_set(5, jobs=8)
    evaluator = ProgramEvaluator(instances, sandbox)
    for text, rule in zip(SEED_PROGRAMS, ("EDD", "MDD"), strict=True):
        values = [jobs.total_tardiness(order_by(jobs, rule)) for jobs in instances]
        assert evaluator.score(text) == pytest.approx(sum(values) / 5, rel=0.02)


def _function(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def assignment(p, d):\n{lines}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("p[0] = 1\nreturn [0]", "read-only"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9), 1)", "Error"),
        ("import os\nreturn [open('/etc/passwd').read()]", "FileNotFoundError"),
        ("import os\nreturn [1 / len([n for n in os.environ if 'PATH' in n])]", "ZeroDivision"),
        ("import os\nos.fork()", ""),  # root may fork, but gets nothing by it
        ("return [0] * 10**10", "MemoryError"),
        ("import ctypes\nctypes.string_at(0)", "without an answer"),
        ("while True: pass", "without an answer"),
        ("import time\ntime.sleep(60)", "too long"),
        ("raise SystemExit", "SystemExit"),
        ("return None", "TypeError"),
        ("import os\nos._exit(0)", "without an answer"),
        ("return 'x'", "ValueError"),
    ],
)
def test_a_program_cannot_get_out(sandbox: Sandbox, body: str, reason: str) -> None:
    """Inputs, network, files, environment, processes, memory, time: each try ends in a reason."""
    endless = "while" in body or "sleep" in body
    outcome = (replace(sandbox, seconds=1) if endless else sandbox).orders(_function(body), SMALL)
    assert outcome.orders is None
    assert reason in outcome.error


def test_a_program_writes_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    """What it writes inside vanishes with it."""
    target = tmp_path / "leak"
    body = f"import os\nos.makedirs({str(tmp_path)!r}, exist_ok=True)\n"
    body += f"open({str(target)!r}, 'w').write('x')\nreturn list(range(len(p)))"
    sandbox.orders(_function(body), SMALL)
    assert not target.exists()


@pytest.mark.parametrize(
    "body", ["return [0, 0, 0]", "return []", "return [2, 1, -1]", "return [0, 1, 10**30]"]
)
def test_wrong_orders_score_nothing(sandbox: Sandbox, body: str) -> None:
    """Missing, repeated and unknown jobs."""
    instances = [Jobs(np.array([3, 1, 2]), np.array([4, 1, 9]))]
    assert ProgramEvaluator(instances, sandbox).score(_function(body)) == math.inf


def test_a_program_that_does_not_compile(sandbox: Sandbox) -> None:
    """Or lacks the function, is answered with the reason."""
    assert "SyntaxError" in sandbox.orders("def (", SMALL).error
    assert "assignment" in sandbox.orders("x = 1", SMALL).error


class _Endpoint(BaseHTTPRequestHandler):
    """Speaks the chat-completions API on loopback."""

    answers: ClassVar[list[str]] = []
    requests: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append(body)
        if self.path != "/v1/chat/completions" or not self.answers:
            self.send_error(400)
            return
        message = {"role": "assistant", "content": self.answers.pop(0)}
        document = {
            "id": "1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        text = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A fake endpoint; its answers are set by the test."""
    pytest.importorskip("openai", reason="the extra [agents] is not installed")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    _Endpoint.answers, _Endpoint.requests = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_is_asked_with_the_best_last(endpoint: str) -> None:
    """Its code block comes back; the prompt holds the specification and both parents."""
    _Endpoint.answers = ["Here:\n```python\ndef assignment(p, d):\n    return []\n```\nGood luck."]
    proposer = ModelProposer("small", base_url=endpoint)
    assert proposer.propose(["WORSE", "BETTER"]) == "def assignment(p, d):\n    return []\n"
    (request,) = _Endpoint.requests
    prompt = request["messages"][0]["content"]
    assert request["model"] == "small"
    assert prompt.index("Two rules") < prompt.index("WORSE") < prompt.index("BETTER")
    with pytest.raises(EngineError, match="endpoint"):
        proposer.propose(["x"])


def test_the_loop_runs_on_a_model(endpoint: str, sandbox: Sandbox) -> None:
    """A shortest-first program, a wrong one and a better one: scored, refused, and found."""
    greedy = SEED_PROGRAMS[1].replace("max(t + p[j], d[j])", "(max(t + p[j], d[j]), p[j])")
    _Endpoint.answers = [f"```python\n{text}```" for text in (_function("return []"), greedy)]
    instances = training_set(5, jobs=8)
    found = discover(
        ModelProposer("small", base_url=endpoint),
        ProgramEvaluator(instances, sandbox),
        SEED_PROGRAMS[:1],
        iterations=2,
    )
    assert found.best.text.strip() == greedy.strip()
    assert found.failed == 1


def test_a_model_needs_the_client_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named where it is missing."""
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingDependencyError, match="agents"):
        ModelProposer("any", base_url="http://127.0.0.1:9/v1")
    monkeypatch.undo()
    pytest.importorskip("openai", reason="the extra [agents] is not installed")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(OptionError, match="OPENAI_API_KEY"):
        ModelProposer("any")


def test_prompts_and_answers() -> None:
    """Versions are numbered; an answer without a block is taken whole."""
    prompt = best_shot_prompt(["one", "two"])
    assert "Version 0" in prompt
    assert "version 2" in prompt
    assert code_of("def f(): pass") == "def f(): pass\n"
    assert code_of("```\nx = 1\n```") == "x = 1\n"


def test_an_island_of_one_program() -> None:
    """Is sampled without looking for a second one."""
    islands = Islands([Program(1.0, 0, "a")], count=2, seed=1)
    for _ in range(50):
        _, programs = islands.sample()
        assert [p.text for p in programs] == ["a"]
