"""``makespan serve-vllm``: the command that it becomes, and what it refuses to become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Check, Invoke

from makespan.core.errors import MissingDependencyError
from makespan.serving.vllm import adapter

DRY = ("serve-vllm", "some/model", "--dry-run", "--json", "-")


def test_command_and_policy_are_shown(invoke: Invoke, checked: Check) -> None:
    """Nothing is started, vLLM need not be there."""
    result = invoke(
        *DRY, "--policy", "edf", "--slo", "chat:ttft=1,deadline=9", "--", "--max-num-seqs", "64"
    )
    assert result.exit_code == 0, result.output
    document = checked(result.stdout)
    command = " ".join(document["command"])
    assert "--model some/model" in command
    assert "--scheduler-cls makespan.serving.vllm.plugin.PolicyScheduler" in command
    assert "--host 127.0.0.1 --port 8000 --max-num-seqs 64" in command
    assert document["policy"] == {
        "policy": "edf",
        "seed": 0,
        "slos": [{"name": "chat", "ttft_s": 1.0, "deadline_s": 9.0}],
    }
    assert not document["started"]
    assert "MAKESPAN_POLICY=" in result.stderr


def test_memory_is_taken_for_the_blocks_alone(
    invoke: Invoke, checked: Check, tmp_path: Path
) -> None:
    """If it can be told from the model's folder, and the user does not say how much."""
    blocks = ("--num-gpu-blocks-override", "65", "--block-size=32")
    shape = {"num_hidden_layers": 3, "num_attention_heads": 4, "hidden_size": 32}

    def asked(*words: str) -> str:
        result = invoke("serve-vllm", str(tmp_path), "--dry-run", "--json", "-", "--", *words)
        assert result.exit_code == 0, result.output
        command = checked(result.stdout)["command"]
        if "--kv-cache-memory-bytes" not in command:
            return ""
        return str(command[command.index("--kv-cache-memory-bytes") + 1])

    config = tmp_path / "config.json"
    config.write_text(json.dumps(shape))
    token = 2 * 3 * 4 * 8  # keys and values of 3 layers and 4 heads of 8
    assert asked(*blocks) == str(token * 2 * 65 * 32)
    assert asked(*blocks, "--dtype", "float32") == str(token * 4 * 65 * 32)
    assert asked(*blocks, "--kv_cache_memory_bytes=9") == ""
    assert asked(*blocks, "--gpu-memory-utilization", "0.2") == ""
    assert asked("--block-size", "32") == ""
    assert asked("--num-gpu-blocks-override", "--block-size", "32") == ""
    config.write_text(json.dumps({"text_config": {**shape, "num_key_value_heads": 2}}))
    assert asked(*blocks) == str(token * 65 * 32)
    for damaged in ("[]", "{", "{}", '{"num_hidden_layers": "x", "num_attention_heads": null}'):
        config.write_text(damaged)
        assert asked(*blocks) == ""


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--policy", "lifo"), "no policy is called 'lifo'"),
        (("--policy", "shortest-job-oracle"), "oracle"),
        (("--options", "{"), "--options is no JSON"),
        (("--options", '{"speed": 9}'), "speed"),
        (("--cost", "[]"), "cost is no object"),
        (("--slo", "ttft=1"), "--slo is 'ttft=1'"),
        (("--slo", "chat:speed=1"), "speed_s"),
        (("--port", "0"), "port 0"),
        (("--host", "0.0.0.0"), "everybody who reaches this machine"),
        (("--host", "example.org"), "everybody who reaches this machine"),
        (("--api-key-env", "NO_SUCH_KEY"), "holds no key"),
        (("--", "--scheduler-cls=x"), "--scheduler-cls cannot be passed"),
        (("--", "--api_key", "k3y"), "everybody on this machine could read it"),
        (("--", "--async-scheduling"), "must not overlap"),
    ],
)
def test_bad_input_is_told_in_a_line(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], part: str
) -> None:
    """Exit code 2 and a hint."""
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    result = invoke("serve-vllm", "some/model", "--dry-run", *words)
    assert result.exit_code == 2, result.output
    assert part in " ".join(result.output.split())


def test_key_opens_the_server_to_others_and_is_never_shown(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a variable or a file that nobody else may read."""
    monkeypatch.setenv("OUR_KEY", "s3cret-one")
    result = invoke(*DRY, "--host", "0.0.0.0", "--api-key-env", "OUR_KEY")
    assert result.exit_code == 0, result.output
    assert "s3cret" not in result.output
    file = tmp_path / "key"
    file.write_text("s3cret-two\n")
    file.chmod(0o644)
    refused = invoke(*DRY, "--host", "::", "--api-key-file", str(file))
    assert refused.exit_code == 2
    assert "chmod 600" in json.loads(refused.stdout)["error"]["hint"]
    file.chmod(0o600)
    result = invoke(*DRY, "--host", "::", "--api-key-file", str(file))
    assert result.exit_code == 0, result.output
    assert "s3cret" not in result.output
    assert json.loads(result.stdout)["url"] == "http://[::]:8000"


def test_without_vllm_nothing_is_started(invoke: Invoke) -> None:
    """The hint says how to get it."""
    try:
        adapter.version()
    except MissingDependencyError:
        result = invoke("serve-vllm", "some/model")
        assert result.exit_code == 2
        assert "vLLM is not installed" in result.output
        assert "install_vllm.py" in result.output
    else:
        pytest.skip("vLLM is installed")
