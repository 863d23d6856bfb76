"""What a fleet and its engines say to each other, each engine in a process of its own.

Messages go through pipes between processes of one program and one user; times are picoseconds on
the clock of the run, which is the machine's and thus the same in every process.
"""

from __future__ import annotations

from dataclasses import dataclass

from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload


@dataclass(frozen=True, slots=True)
class Forget:
    """Take away all requests and empty the prefix cache; answered by :class:`Forgotten`."""


@dataclass(frozen=True, slots=True)
class Start:
    """A run begins, whose clock shows 0 at ``zero`` ps of ``time.perf_counter``."""

    zero: int
    workload: Workload


@dataclass(frozen=True, slots=True)
class Serve:
    """A request to be answered.

    Attributes
    ----------
    tokens
        Its prompt, and what it has said elsewhere.
    output
        Tokens to generate from there.
    due
        When it was sent.
    first
        Whether it goes to the head of the queue.
    guarded
        Whether it is refused unless there is room for it at once, which then is held for it until
        it runs.
    """

    request: int
    tokens: list[int]
    output: int
    due: int
    priority: int
    first: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Warm:
    """A sequence to be computed and then held in memory; nothing is answered.

    It is held until the request is served there or :class:`Stop` is said.

    Attributes
    ----------
    room
        Tokens for which memory is held besides.
    """

    request: int
    tokens: list[int]
    due: int
    priority: int
    room: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """A request to be taken away, or its warming with what is held; see :class:`Stopped`."""

    request: int


@dataclass(frozen=True, slots=True)
class Quit:
    """The end of the process."""


Order = Forget | Start | Serve | Warm | Stop | Quit
"""What the fleet says."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded and warm.

    Attributes
    ----------
    max_model_len, vocabulary
        As of :class:`makespan.serving.vllm.real.RealEngine`.
    name
        vLLM's version and the model.
    """

    settings: EngineSettings
    max_model_len: int
    vocabulary: tuple[int, int]
    name: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Answer to :class:`Forget`."""


@dataclass(frozen=True, slots=True)
class Report:
    """A step of the engine.

    Attributes
    ----------
    begin, end
        When it was planned and when its tokens were there.
    parts
        (request, new tokens, its tokens after the step), without those being warmed.
    warming
        Tokens computed for those.
    preempted
        Who lost its memory.
    said
        (request, tokens it got).
    ended, dropped, warmed
        Requests that got their last token, that the engine's policy gave up, and that are in the
        prefix cache as far as asked.
    running
        The batch after the step.
    free_blocks
        KV blocks that no request has then and that are held for none.
    """

    begin: int
    end: int
    parts: list[tuple[int, int, int]]
    warming: int
    preempted: list[int]
    said: list[tuple[int, list[int]]]
    ended: list[int]
    dropped: list[int]
    warmed: list[int]
    running: list[int]
    free_blocks: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Answer to :class:`Stop`.

    Attributes
    ----------
    found
        False: it had ended before.
    free_blocks
        As of :class:`Report`.
    """

    request: int
    found: bool
    free_blocks: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine has no room for a request that wants in at once."""

    request: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The last words of an engine."""

    sentence: str
    hint: str | None = None


Answer = Ready | Forgotten | Report | Stopped | Refused | Failed
"""What an engine says."""
