"""vLLM's own scheduler on a virtual clock: its real decisions, without a model or a worker.

Nothing of the scheduler is imitated; only the worker is replaced. A step lasts what a cost model
says, in integer picoseconds, and each request generates as many tokens as its workload says.
Requests join the queue when they are sent. At a step's end, in this order: its tokens are there and
requests end; requests sent at this very time arrive, by index; the next step is planned. To vLLM's
decisions that is the same as its synchronous loop (``EngineCore.step``), which takes in at a step's
end all that were sent during the step. With asynchronous scheduling, the default on GPUs, a stop is
seen one step late; that is not modelled.
"""

from __future__ import annotations

from typing import Any

from makespan.core.errors import EngineError
from makespan.serving.cost.step import StepCost
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.adapter import Scheduling, Step, version
from makespan.serving.vllm.arrivals import Arrivals
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload


def run_stock(
    workload: Workload,
    settings: EngineSettings,
    cost: StepCost,
    *,
    max_model_len: int | None = None,
    policy: str = "fcfs",
    events: bool = False,
    log: bool = False,
    scheduler: type | None = None,
) -> Record:
    """Serve a workload with vLLM's stock scheduler in virtual time.

    Parameters
    ----------
    max_model_len
        Longest sequence; as many tokens as the memory holds if None.
    policy
        ``fcfs`` or, with the workload's priorities, ``priority``.
    events, log
        Whether the record keeps each admission, preemption and end, and the size of each step.
    scheduler
        Subclass of vLLM's ``Scheduler`` to run in place of it.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed.
    EngineError
        If another release is, if the scheduler does nothing though it could, or if the cost model
        gives a step no time.

    Notes
    -----
    A request whose prompt and cap together exceed ``max_model_len`` is refused, as vLLM's server
    refuses it, and what waits for it is never sent.
    """
    engine = StockEngine(
        workload,
        settings,
        cost,
        max_model_len=max_model_len,
        policy=policy,
        events=events,
        log=log,
        scheduler=scheduler,
    )
    while engine.advance():
        pass
    return engine.record()


class StockEngine:
    """One instance of vLLM's scheduler and the clock it runs by; see :func:`run_stock`.

    Attributes
    ----------
    now
        Time at which the next step begins, picoseconds.
    scheduling
        The scheduler, for those who want to look at it between steps.
    """

    def __init__(
        self,
        workload: Workload,
        settings: EngineSettings,
        cost: StepCost,
        *,
        max_model_len: int | None = None,
        policy: str = "fcfs",
        events: bool = False,
        log: bool = False,
        scheduler: type | None = None,
    ) -> None:
        self.now = 0
        self.scheduling = Scheduling(
            settings, max_model_len=max_model_len, policy=policy, cls=scheduler
        )
        self._load = workload
        self._cost = cost
        self._tokens = Tokens(workload)
        self._arrivals = Arrivals(workload)
        self._book = Book(workload, events=events, log=log)
        self._live: dict[str, tuple[int, Any, list[int]]] = {}
        if hasattr(self.scheduling.scheduler, "serves"):
            self.scheduling.scheduler.serves(lambda: self.now, workload)

    def advance(self) -> bool:
        """One step, or the way to the next arrival; False when there is nothing left to do."""
        for when, r in self._arrivals.until(self.now):
            self._send(r, when)
        if not self._live:
            return self._idle()
        step = self.scheduling.schedule()
        for name in step.dropped:
            self._book.drop(self._live.pop(name)[0], self.now)
        for name in step.preempted:
            self._book.preempt(self._live[name][0], self.now)
        if step.tokens:
            self._run(step)
        elif self._live and not step.preempted and not self._idle():
            pool = self.scheduling.scheduler.kv_cache_manager.block_pool
            raise EngineError(
                f"vLLM's scheduler plans nothing though {len(self._live)} requests wait and "
                f"{pool.get_num_free_blocks()} blocks are free"
            )
        return True

    def record(self) -> Record:
        """What has happened so far."""
        return self._book.record(f"vLLM {version()} scheduler", measured=False)

    def _idle(self) -> bool:
        """Let time pass until the next arrival, if there will be one."""
        if self._arrivals.next is None:
            return False
        self.now = self._arrivals.next
        return True

    def _send(self, r: int, when: int) -> None:
        load = self._load
        self._book.send(r, when)
        if load.prompt[r] + load.cap[r] > self.scheduling.max_model_len:
            self._book.refuse(r)
            return
        request = self.scheduling.request(
            str(r),
            self._tokens.prompt(r),
            int(load.output[r]),
            arrival=when / PICOSECONDS,
            priority=int(load.priority[r]),
        )
        self._live[str(r)] = r, request, self._tokens.output(r)
        self.scheduling.scheduler.add_request(request)

    def _run(self, step: Step) -> None:
        parts, sampled, speakers = [], {}, []
        for name, count in step.tokens.items():
            r, request, output = self._live[name]
            # vLLM counts tokens as computed when their step is planned, not when it is done.
            parts.append((r, count, request.num_computed_tokens))
            if request.num_computed_tokens >= request.num_tokens:
                sampled[name] = output[self._book.said[r]]
                speakers.append((name, r, request))
        sums = self._book.plan(self.now, parts)
        duration = self._cost.step(*sums)
        if duration < 1:
            raise EngineError(f"a step of {sums[0]} tokens lasts {duration} ps by the cost model")
        begin, self.now = self.now, self.now + duration
        self._book.step(begin, self.now, sums)
        for when, r in self._arrivals.until(self.now - 1):
            self._send(r, when)
        self.scheduling.complete(step, sampled)
        for name, r, request in speakers:
            self._book.speak(r, self.now)
            if request.is_finished():
                del self._live[name]
                self._book.finish(r, self.now)
                self._arrivals.ended(r, self.now)
