"""What can become of a request but an answer."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Why a request was not answered in full."""

    UNREACHABLE = "no connection"
    REJECTED = "rejected by the server"
    DISCONNECTED = "cut off"
    MALFORMED = "an answer that is none"
    SHORT = "an answer shorter than asked for"
    DROPPED = "given up by the server"
    TIMEOUT = "given up by the client"
    CUT = "cut by the end of the run"


class Failure(Exception):  # noqa: N818 - an outcome to be counted, raised as far as the request
    """A request that was not answered in full.

    Attributes
    ----------
    status
        HTTP status, if that is why.
    """

    def __init__(self, kind: Kind, sentence: str, *, status: int | None = None) -> None:
        super().__init__(f"{kind.value}: {sentence}")
        self.kind, self.sentence, self.status = kind, sentence, status
