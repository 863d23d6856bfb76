"""A proposer that asks a language model behind any OpenAI-compatible endpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from makespan.core.errors import EngineError, MissingDependencyError, OptionError

SPECIFICATION: Final = """\
A single machine processes n jobs, one at a time, without interruption, all available at time 0.
Job j takes p[j] > 0 time units and is due at d[j]. Its tardiness is max(0, completion - d[j]).
Write the Python function

    def assignment(p: np.ndarray, d: np.ndarray) -> list[int]

which returns the job numbers in the order of processing so that the total tardiness is small.
Two rules: every job appears exactly once, and the inputs must not be changed.
Only NumPy (as np) may be used. Answer with the function alone, in one code block.
"""

SEED_PROGRAMS: Final = (
    '''\
def assignment(p, d):
    """Earliest due date first."""
    return [int(j) for j in np.argsort(d, kind="stable")]
''',
    '''\
def assignment(p, d):
    """Modified due date."""
    left = list(range(len(p)))
    order = []
    t = 0
    while left:
        j = min(left, key=lambda j: max(t + p[j], d[j]))
        left.remove(j)
        order.append(j)
        t += p[j]
    return order
''',
)
"""EDD and MDD, the seeds of the source [paper]."""

_BLOCK: Final = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


def best_shot_prompt(parents: Sequence[str]) -> str:
    """The specification, then the parents from worse to better as versions to be improved."""
    parts = [SPECIFICATION]
    for version, text in enumerate(parents):
        parts.append(f"Version {version}:\n```python\n{text.strip()}\n```\n")
    parts.append(f"Later versions are better. Write version {len(parents)}, better than all.")
    return "\n".join(parts)


def code_of(answer: str) -> str:
    """The first code block of an answer, or all of it if there is none."""
    found = _BLOCK.search(answer)
    return (found.group(1) if found else answer).strip() + "\n"


class ModelProposer:
    """Asks for a better program.

    Parameters
    ----------
    model
        Name of the model at the endpoint.
    base_url
        Endpoint; None for the client's default.
    key_variable
        Environment variable that holds the key; an endpoint without keys gets a placeholder.
    temperature, most_tokens
        Sampling temperature and length limit of an answer.

    Raises
    ------
    MissingDependencyError
        If the client is not installed.
    OptionError
        If there is neither a key nor an endpoint of one's own.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_variable: str = "OPENAI_API_KEY",
        temperature: float = 0.9,
        most_tokens: int = 1024,
        timeout: float = 120.0,
    ) -> None:
        try:
            import openai  # type: ignore[import-not-found,unused-ignore]  # an extra
        except ImportError as error:
            raise MissingDependencyError(
                "a model proposer needs the OpenAI client", hint="pip install 'makespan[agents]'"
            ) from error
        key = os.environ.get(key_variable)
        if not key and base_url is None:
            raise OptionError(
                f"{key_variable} is not set",
                hint="set it, or name an endpoint of your own with base_url",
            )
        self._errors: type[Exception] = openai.OpenAIError
        self._client: Any = openai.OpenAI(
            api_key=key or "none", base_url=base_url, timeout=timeout, max_retries=2
        )
        self._model = model
        self._temperature = temperature
        self._most_tokens = most_tokens

    @property
    def name(self) -> str:
        """The model."""
        return f"model {self._model}"

    def propose(self, parents: Sequence[str]) -> str:
        """The program of the model's answer.

        Raises
        ------
        EngineError
            If the endpoint fails.
        """
        try:
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=[{"role": "user", "content": best_shot_prompt(parents)}],
                temperature=self._temperature,
                max_tokens=self._most_tokens,
            )
        except self._errors as error:
            raise EngineError(f"the model's endpoint failed: {error}") from error
        content = answer.choices[0].message.content if answer.choices else None
        return code_of(content or "")
