"""What can be asked of an engine through vLLM's scheduler alone, between two of its steps."""

from __future__ import annotations

from typing import Any

from makespan.serving.settings import EngineSettings


class Scheduled:
    """An engine with a scheduler that can hold blocks (:func:`.holding.holding`).

    Attributes
    ----------
    settings
        Memory and limits.
    scheduler
        vLLM's, or a subclass.
    """

    settings: EngineSettings
    scheduler: Any

    def hurry(self, name: str) -> None:
        """Move a waiting request to the head of the queue."""
        waiting, request = self.scheduler.waiting, self.scheduler.requests[name]
        waiting.remove_request(request)
        waiting.prepend_request(request)

    def reserve(self, key: str, tokens: int) -> bool:
        """Hold memory for a sequence of so many tokens; False: there is too little."""
        blocks = -(-tokens // self.settings.block_size)
        return bool(self.scheduler.held.reserve(key, blocks))

    def tie(self, name: str, key: str) -> None:
        """Have a waiting request take its memory from what is held, and leave it there."""
        self.scheduler.held.tie(name, key)

    def release(self, key: str) -> None:
        """Hold no memory under a key any more."""
        self.scheduler.held.release(key)

    def running(self) -> list[str]:
        """Ids of the requests in the batch, in its order."""
        return [request.request_id for request in self.scheduler.running]

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request has and that are held for none."""
        return int(self.scheduler.kv_cache_manager.block_pool.get_num_free_blocks())
