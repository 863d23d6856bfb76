"""Real vLLM: its stock scheduler on a virtual clock, and the whole engine on a CPU in real time.

vLLM is no dependency of makespan: ``scripts/install_vllm.py`` makes an environment that has it.
"""

from __future__ import annotations

from makespan.serving.vllm.real import RealEngine as RealEngine
from makespan.serving.vllm.real import run_real as run_real
from makespan.serving.vllm.virtual import StockEngine as StockEngine
from makespan.serving.vllm.virtual import run_stock as run_stock
