"""What makespan believes of vLLM's scheduler, one fact per test, against the installed one.

Simulator and policies are built on these facts. A release that changes one fails here by name.
"""

from __future__ import annotations

from typing import Any

import pytest

from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.adapter import Scheduling, Step, part

BLOCK = 4


class Stage:
    """A scheduler whose steps are taken by hand; each step samples where a sequence is whole."""

    def __init__(
        self, blocks: int, *, budget: int = 64, seqs: int = 8, caching: bool = True, **more: Any
    ) -> None:
        settings = EngineSettings(blocks, BLOCK, budget, seqs, caching)
        self.scheduling = Scheduling(settings, **more)
        self.scheduler = self.scheduling.scheduler
        self.pool = self.scheduler.kv_cache_manager.block_pool
        self.requests: dict[str, Any] = {}
        self._fresh = 1000

    def add(
        self, name: str, prompt: int, output: int = 8, *, like: str | None = None, **more: Any
    ) -> None:
        """Add a request; ``like``: its prompt begins with all that this other one has."""
        tokens = list(self.requests[like].all_token_ids) if like else []
        while len(tokens) < prompt:
            self._fresh += 1
            tokens.append(self._fresh)
        self.requests[name] = self.scheduling.request(name, tokens[:prompt], output, **more)
        self.scheduler.add_request(self.requests[name])

    def plan(self) -> Step:
        """Plan a step without ending it."""
        return self.scheduling.schedule()

    def end(self, step: Step) -> None:
        """End a planned step."""
        sampled = {}
        for name in step.tokens:
            request = self.requests[name]
            if request.num_computed_tokens >= request.num_tokens:
                self._fresh += 1
                sampled[name] = self._fresh
        self.scheduling.complete(step, sampled)

    def step(self) -> dict[str, int]:
        """A whole step; new tokens by request, in the order in which they were scheduled."""
        step = self.plan()
        self.end(step)
        return dict(step.tokens)

    def running(self) -> list[str]:
        """Names of the running requests, in order."""
        return [request.request_id for request in self.scheduler.running]

    def waiting(self) -> list[str]:
        """Names of the waiting requests, in order."""
        return [request.request_id for request in self.scheduler.waiting]

    def blocks(self, name: str) -> list[int]:
        """Numbers of a request's blocks."""
        return list(self.scheduler.kv_cache_manager.get_block_ids(name)[0])

    def free(self) -> list[int]:
        """Numbers of the free blocks in the order in which they will be taken."""
        return [block.block_id for block in self.pool.free_block_queue.get_all_free_blocks()]


pytestmark = pytest.mark.usefixtures("vllm")


def test_one_block_belongs_to_nobody() -> None:
    """Of blocks + 1 one is the null block, so that the named number can be used, and all of it."""
    stage = Stage(3)
    assert stage.pool.get_num_free_blocks() == 3
    assert stage.pool.null_block.block_id not in stage.free()
    stage.add("a", 3 * BLOCK - 2, 2)
    assert stage.step() == {"a": 10}
    assert stage.pool.get_num_free_blocks() == 0
    assert stage.step() == {"a": 1}
    assert stage.requests["a"].is_finished()
    assert stage.requests["a"].num_preemptions == 0


def test_running_requests_come_first() -> None:
    """Who runs gets its tokens in the order of the list before anybody is admitted."""
    stage = Stage(64, budget=16)
    stage.add("a", 4)
    stage.add("b", 4)
    stage.step()
    stage.add("c", 40)
    assert list(stage.step().items()) == [("a", 1), ("b", 1), ("c", 14)]
    stage.add("d", 4)
    assert list(stage.step().items()) == [("a", 1), ("b", 1), ("c", 14)]


def test_prompts_are_cut_at_the_budget() -> None:
    """A prompt is computed in chunks; the first token comes with the last chunk."""
    stage = Stage(64, budget=16)
    stage.add("a", 40)
    for _ in range(2):
        assert stage.step() == {"a": 16}
        assert stage.requests["a"].num_output_tokens == 0
    assert stage.step() == {"a": 8}
    assert stage.requests["a"].num_output_tokens == 1


def test_tokens_count_as_computed_when_planned() -> None:
    """The count advances before the step is executed."""
    stage = Stage(64, budget=16)
    stage.add("a", 40)
    step = stage.plan()
    assert stage.requests["a"].num_computed_tokens == 16
    stage.end(step)
    assert stage.requests["a"].num_computed_tokens == 16


def test_head_of_line_blocks() -> None:
    """Where the first of the queue does not fit, nobody behind it is admitted."""
    stage = Stage(8)
    stage.add("a", 4 * BLOCK)
    stage.step()
    stage.add("large", 6 * BLOCK)
    stage.add("small", 1)
    assert stage.step() == {"a": 1}
    assert stage.waiting() == ["large", "small"]


def test_whole_sequence_must_fit() -> None:
    """Nobody is admitted on the strength of a first chunk that fits."""
    stage = Stage(8, budget=8)
    stage.add("a", 8)
    stage.step()
    stage.add("large", 7 * BLOCK)
    assert stage.pool.get_num_free_blocks() > 2
    assert stage.step() == {"a": 1}
    assert stage.scheduler.scheduler_reserve_full_isl


def test_prompt_not_output_must_fit() -> None:
    """The test is for the sequence as it is; tokens to come are not reserved."""
    stage = Stage(8)
    stage.add("a", 4 * BLOCK, 16)
    stage.add("b", 4 * BLOCK, 16)
    assert stage.step() == {"a": 16, "b": 16}


def test_sequences_end_at_the_longest() -> None:
    """A sequence as long as max_model_len ends, whatever it was to generate."""
    stage = Stage(64, max_model_len=12)
    stage.add("a", 11, 8)
    stage.step()
    assert stage.requests["a"].is_finished()
    assert stage.requests["a"].num_output_tokens == 1


def test_batch_is_limited() -> None:
    """No more than max_num_seqs run, however much memory is free."""
    stage = Stage(64, seqs=2)
    for name in "abc":
        stage.add(name, 4, 2)
    assert list(stage.step()) == ["a", "b"]
    assert list(stage.step()) == ["a", "b"]
    assert list(stage.step()) == ["c"]


def full(stage: Stage) -> None:
    """Two requests of two blocks each in a memory of four, with one token to spare each."""
    stage.add("a", 2 * BLOCK - 1)
    stage.add("b", 2 * BLOCK - 1)
    stage.step()
    stage.step()
    assert stage.pool.get_num_free_blocks() == 0


def test_last_of_running_is_preempted() -> None:
    """A missing block is taken from who was admitted last; it waits at the head of the queue."""
    stage = Stage(4)
    full(stage)
    stage.add("c", 1)
    step = stage.plan()
    assert step.preempted == ("b",)
    assert dict(step.tokens) == {"a": 1}
    assert stage.waiting() == ["b", "c"]
    assert stage.requests["b"].num_computed_tokens == 0
    assert stage.requests["b"].num_preemptions == 1


def test_nobody_is_admitted_in_a_step_that_preempted() -> None:
    """Even if the freed memory would do for somebody in the queue."""
    stage = Stage(4, caching=False)
    full(stage)
    stage.add("c", 1)
    step = stage.plan()
    assert stage.pool.get_num_free_blocks() == 1
    assert "c" not in step.tokens
    stage.end(step)
    # In the next step b is the head and does not fit, so that c waits on.
    assert stage.step() == {"a": 1}


def test_preempted_requests_keep_their_output() -> None:
    """What was generated is computed again together with the prompt."""
    stage = Stage(4, caching=False)
    stage.add("a", 2 * BLOCK - 1, 4)
    stage.add("b", 2 * BLOCK - 1)
    for _ in range(4):
        stage.step()
    assert stage.requests["a"].is_finished()
    b = stage.requests["b"]
    assert (b.num_output_tokens, b.num_preemptions) == (2, 1)
    assert stage.step() == {"b": 2 * BLOCK - 1 + 2}


def test_preempted_requests_find_their_own_blocks() -> None:
    """Full blocks stay findable after preemption until somebody takes them."""
    stage = Stage(4)
    full(stage)
    mine = stage.blocks("b")
    stage.step()
    stage.scheduler.finish_requests("a", part("vllm.v1.request", "RequestStatus").FINISHED_ABORTED)
    step = stage.plan()
    # Nine tokens in all; a took the second block, the first is found again.
    assert dict(step.tokens) == {"b": 9 - BLOCK}
    assert stage.blocks("b")[0] == mine[0]


def test_requester_may_preempt_itself() -> None:
    """Where the last of running needs the block it gives up its own."""
    stage = Stage(4)
    stage.add("a", BLOCK, 16)
    stage.add("b", 3 * BLOCK, 16)
    stage.step()
    step = stage.plan()
    assert step.preempted == ("b",)
    assert dict(step.tokens) == {"a": 1}


def test_prefix_is_found_at_admission() -> None:
    """Full blocks of equal content are shared, the rest is computed."""
    stage = Stage(64)
    stage.add("a", 10)
    stage.step()
    stage.add("b", 15, like="a")
    assert stage.step() == {"a": 1, "b": 15 - 2 * BLOCK}
    assert stage.blocks("a")[:2] == stage.blocks("b")[:2]


def test_last_token_is_always_computed() -> None:
    """Of a prompt that is there entirely the last block is computed again."""
    stage = Stage(64)
    stage.add("a", 3 * BLOCK)
    stage.step()
    stage.add("b", 3 * BLOCK, like="a")
    assert stage.step() == {"a": 1, "b": BLOCK}
    stage.add("c", 3 * BLOCK + 1, like="a")
    assert stage.step()["c"] == 1


def test_blocks_are_found_from_the_step_that_plans_them() -> None:
    """Two requests of one step share, though nothing is computed yet."""
    stage = Stage(64)
    stage.add("a", 10)
    stage.add("b", 10, like="a")
    assert dict(stage.plan().tokens) == {"a": 10, "b": 2}


def test_outputs_are_found_too() -> None:
    """A follow-up finds the blocks of the answer that it quotes; the last token was never computed."""
    stage = Stage(64)
    stage.add("a", 6, 6)
    for _ in range(6):
        stage.step()
    assert stage.requests["a"].is_finished()
    stage.add("b", 20, like="a")
    # Eleven of twelve tokens were computed: two full blocks.
    assert stage.step() == {"b": 20 - 2 * BLOCK}


def test_nothing_is_found_without_prefix_caching() -> None:
    """The switch turns all of it off."""
    stage = Stage(64, caching=False)
    stage.add("a", 10)
    stage.add("b", 10, like="a")
    assert stage.step() == {"a": 10, "b": 10}


def test_freed_blocks_queue_up_last_first() -> None:
    """Blocks with content go to the end, the last of a request first; one without to the front."""
    stage = Stage(8)
    stage.add("a", 3 * BLOCK - 2, 2)
    stage.step()
    mine = stage.blocks("a")
    rest = stage.free()
    stage.step()
    assert stage.requests["a"].is_finished()
    assert len(mine) == 3
    # Eleven tokens were computed: the third block is not full and has no content to be found by.
    assert stage.free() == [mine[2], *rest, mine[1], mine[0]]


def test_content_is_evicted_oldest_first() -> None:
    """New blocks come from the front; what is evicted is no longer found."""
    stage = Stage(4)
    stage.add("a", 2 * BLOCK, 1)
    stage.step()
    stage.add("b", 3 * BLOCK, 1)
    stage.step()
    stage.add("c", 2 * BLOCK + 1, 1, like="a")
    # b took the two empty blocks and the end of a; the beginning of a survived.
    assert stage.step() == {"c": 2 * BLOCK + 1 - BLOCK}


def test_found_blocks_are_kept() -> None:
    """A block in use is not free; one that is found again leaves the queue."""
    stage = Stage(4)
    stage.add("a", 2 * BLOCK + 1, 1)
    stage.step()
    assert stage.pool.get_num_free_blocks() == 4
    stage.add("b", 2 * BLOCK + 1, 4, like="a")
    stage.step()
    assert stage.pool.get_num_free_blocks() == 1


def test_decodes_take_a_block_when_they_cross_into_it() -> None:
    """Memory grows by a block when the token to be computed has no slot."""
    stage = Stage(8)
    stage.add("a", BLOCK)
    held = []
    for _ in range(6):
        stage.step()
        held.append(len(stage.blocks("a")))
    # The prompt fills a block; the first decode computes token BLOCK + 1.
    assert held == [1, 2, 2, 2, 2, 3]


def test_nothing_is_held_back() -> None:
    """The watermark of free blocks, which an operator can set, is none by default."""
    assert Stage(8).scheduler.kv_cache_manager.watermark_blocks == 0


def test_plan_keeps_its_promises() -> None:
    """Counts are positive, sum to the total, within the budget; who ended is told once."""
    stage = Stage(16, budget=16, seqs=4)
    for k in range(12):
        stage.add(str(k), 3 + 5 * k % 17, 1 + k % 5)
    told: list[str] = []
    while stage.scheduler.has_unfinished_requests():
        step = stage.plan()
        told += step.plan.finished_req_ids
        assert all(count > 0 for count in step.tokens.values())
        assert sum(step.tokens.values()) == step.plan.total_num_scheduled_tokens <= 16
        assert set(step.preempted) == step.plan.preempted_req_ids
        assert len(stage.running()) <= 4
        stage.end(step)
    told += stage.plan().plan.finished_req_ids
    assert sorted(told, key=int) == [str(k) for k in range(12)]


def test_priority_orders_the_queue() -> None:
    """The smaller, the more urgent; then the earlier."""
    stage = Stage(64, seqs=1, policy="priority")
    stage.add("a", 4, 1, priority=2, arrival=0.0)
    stage.add("b", 4, 1, priority=1, arrival=2.0)
    stage.add("c", 4, 1, priority=1, arrival=1.0)
    assert [next(iter(stage.step())) for _ in range(3)] == ["c", "b", "a"]


def test_priority_chooses_the_victim() -> None:
    """With priorities the least urgent is preempted, wherever it runs."""
    stage = Stage(4, policy="priority")
    stage.add("a", 2 * BLOCK - 1, priority=5)
    stage.step()
    stage.add("b", 2 * BLOCK - 1, priority=1)
    stage.step()
    step = stage.plan()
    assert step.preempted == ("a",)
    assert stage.running() == ["b"]


def test_preempted_requests_lose_their_place_among_priorities() -> None:
    """The heap knows keys only: who is preempted queues behind an equal that came earlier."""
    stage = Stage(4, policy="priority")
    stage.add("a", 2 * BLOCK - 1, arrival=0.0)
    stage.add("b", 2 * BLOCK - 1, arrival=9.0)
    stage.step()
    stage.step()
    stage.add("c", 1, arrival=5.0)
    assert stage.plan().preempted == ("b",)
    assert stage.scheduler.waiting.peek_request().request_id == "c"
