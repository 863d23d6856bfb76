"""Real vLLM: its stock scheduler on a virtual clock, and later the whole engine on a CPU.

vLLM is no dependency of makespan: ``scripts/install_vllm.py`` makes an environment that has it.
"""

from __future__ import annotations

from makespan.serving.vllm.virtual import StockEngine as StockEngine
from makespan.serving.vllm.virtual import run_stock as run_stock
