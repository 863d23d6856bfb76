"""A workload against a server: what clients get is measured, and nothing a server does hangs."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.serving.load import Client, LoadRun, play
from makespan.serving.load.failures import Failure, Kind
from makespan.serving.load.http import Server as Address
from makespan.serving.load.playing import Progress
from makespan.serving.load.request import Lines, piece
from makespan.serving.record import Fate
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.transform import closed_loop
from tests.serving.load.server import Asked, Misbehave, Server, begin, chunk, event, plain, word

MS = PICOSECONDS // 1000


def column(*values: int) -> np.ndarray:
    """An int64 array."""
    return np.array(values, dtype=np.int64)


def load(*requests: tuple[int, int, int], **more: object) -> Workload:
    """A workload of (arrival, prompt, output)."""
    return Workload("by hand", *(column(*values) for values in zip(*requests, strict=True)), **more)


def client(server: Server, **more: object) -> Client:
    """A client of a server."""
    return Client(Address.at(server.url), "toy", **more)


def run(server: Server, workload: Workload, **more: object) -> LoadRun:
    """Play a workload within seconds."""
    return play(workload, client(server, **more), time_limit=20)


FOUR = load((0, 30, 4), (5 * MS, 500, 1), (5 * MS, 3, 9), (20 * MS, 60, 2))


@pytest.mark.parametrize("burst", [1, 3])
@pytest.mark.parametrize("vllm", [True, False])
def test_every_token_is_counted(burst: int, vllm: bool) -> None:
    """From token numbers, or from usage where a server does not tell them."""
    with Server(vllm=vllm, burst=burst) as server:
        found = run(server, FOUR, dialect="vllm" if vllm else "openai")
    record = found.record
    assert record.fate.tolist() == [Fate.FINISHED] * 4
    assert record.measured
    assert record.sent.tolist() == FOUR.arrival.tolist()
    assert (record.hit == FOUR.prompt - 1).all()
    assert not found.failures
    if vllm:
        prompts = [asked.body["prompt"] for asked in server.asked]
        assert sorted(len(prompt) for prompt in prompts) == [3, 30, 60, 500]
        tokens = Tokens(FOUR, vocabulary=(256, 32_000))
        for r in range(4):
            assert list(found.answers[r]) == [
                word(tokens.prompt(r), k) for k in range(FOUR.output[r])
            ]
    else:
        assert all("ignore_eos" not in asked.body for asked in server.asked)


def test_times_are_those_of_the_tokens() -> None:
    """A server that takes its time per token is measured so, and summaries work."""
    with Server(pace=0.02) as server:
        found = run(server, load((0, 10, 6)))
    record = found.record
    assert record.first[0] >= 20 * MS
    assert record.last[0] - record.first[0] >= 5 * 20 * MS
    assert record.gap[0] >= 20 * MS
    assert record.summary().goodput > 0
    assert found.late < 5


def test_follow_ups_wait_and_quote() -> None:
    """A stage is sent when its parents have ended and its delay is over, with their words."""
    work = load(
        (0, 16, 16),
        (0, 40, 1),
        parent_ptr=column(0, 0, 1),
        parent=column(0),
        delay=column(30 * MS),
        content=column(1, 2, 1, 2),
        content_ptr=column(0, 2, 4),
        program=column(0, 0),
    )
    with Server() as server:
        found = run(server, work)
    assert found.record.sent[1] >= found.record.last[0] + 30 * MS
    assert server.asked[1].body["prompt"][16:32] == list(found.answers[0])


def test_closed_loop_never_has_more_open_than_clients() -> None:
    """Each client sends its next request when it has got its answer."""
    work = closed_loop(load(*((0, 5, 4) for _ in range(12))), 3)
    with Server(pace=0.002) as server:
        seen: list[Progress] = []
        found = play(work, client(server), time_limit=20, on_progress=seen.append)
    record = found.record
    assert record.finished.all()
    for t in record.sent:
        assert ((record.sent <= t) & (record.last > t)).sum() <= 3
    assert seen[-1].finished == 12
    assert seen[-1].open == 0


def test_policy_is_told_what_the_load_knows() -> None:
    """Program, label, class and end of the program; and the priority."""
    work = load(
        (0, 5, 1),
        (MS, 5, 1),
        (2 * MS, 5, 1),
        program=column(4, 4, -1),
        label=column(0, -1, -1),
        labels=("plan",),
        slo=column(-1, 0, -1),
        slos=(Slo("fast", ttft=MS),),
        priority=column(0, -3, 0),
    )
    with Server() as server:
        run(server, work, hints=True)
        run(server, work)
    first, second, third = (asked.body for asked in server.asked[:3])
    assert first["vllm_xargs"] == {"makespan_program": "by hand/4", "makespan_label": "plan"}
    assert second["vllm_xargs"] == {
        "makespan_program": "by hand/4",
        "makespan_slo": "fast",
        "makespan_last": "true",
    }
    assert "vllm_xargs" not in third
    assert second["priority"] == -3
    assert all("vllm_xargs" not in asked.body for asked in server.asked[3:])


def test_client_can_hang_up_so_that_nobody_knows_the_length() -> None:
    """The cap is asked for; what the client got is the load's length, and the server sees it go."""
    with Server(pace=0.002) as server:
        found = run(server, load((0, 5, 4), cap=column(5000)), hang_up=True)
        patience = time.monotonic() + 10
        while not server.asked[0].hung_up and time.monotonic() < patience:
            time.sleep(0.01)
    assert found.record.finished.all()
    assert len(found.answers[0]) == 4
    assert server.asked[0].body["max_tokens"] == 5000
    assert server.asked[0].hung_up


def test_key_is_sent_and_not_shown() -> None:
    """In the header alone."""
    with Server(key="s3cret") as server:
        good = run(server, load((0, 5, 1)), key="s3cret")
        bad = run(server, load((0, 5, 1)), key="other")
    assert good.record.finished.all()
    assert bad.failures[0].status == 401
    assert "s3cret" not in repr(client(server, key="s3cret"))


async def hang_up_in_the_middle(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Two tokens, and the line is dead."""
    begin(writer)
    for k in (1, 2):
        event(writer, {"choices": [{"text": "x", "token_ids": [k]}]})
    await writer.drain()


async def hang_up_at_once(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Nothing at all."""


async def end_without_done(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A stream that ends properly, but not as a stream of completions."""
    begin(writer)
    event(writer, {"choices": [{"text": "x", "token_ids": [1]}]})
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def say_nonsense(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An event that is no JSON."""
    begin(writer)
    chunk(writer, b"data: {nonsense\n\n")
    await writer.drain()
    await asyncio.sleep(30)


async def speak_otherwise(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Another protocol."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await writer.drain()
    await asyncio.sleep(30)


async def refuse(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """The queue is full."""
    await plain(writer, 503, {"error": {"message": "the queue\nis full"}})


async def fail_late(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An error in the middle of a stream."""
    begin(writer)
    event(writer, {"error": {"message": "out of memory"}})
    await writer.drain()
    await asyncio.sleep(30)


async def keep_silent(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Never an answer."""
    await asyncio.sleep(60)


async def send_bad_chunk(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A chunk of no size."""
    begin(writer)
    writer.write(b"xyz\r\nabc\r\n")
    await writer.drain()
    await asyncio.sleep(30)


def cut_short(server: Server, finish: str) -> Misbehave:
    """Two tokens only, and properly ended."""

    async def short(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await server.complete(asked, writer, most=2, finish=finish)

    return short


def too_long(server: Server) -> Misbehave:
    """More tokens than asked for."""

    async def much(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked.body["max_tokens"] += 3
        await server.complete(asked, writer)

    return much


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda s: hang_up_in_the_middle, Kind.DISCONNECTED, "hung up"),
        (lambda s: hang_up_at_once, Kind.DISCONNECTED, "hung up"),
        (lambda s: end_without_done, Kind.DISCONNECTED, "DONE"),
        (lambda s: say_nonsense, Kind.MALFORMED, "nonsense"),
        (lambda s: speak_otherwise, Kind.MALFORMED, "SSH"),
        (lambda s: send_bad_chunk, Kind.MALFORMED, "chunk size"),
        (lambda s: refuse, Kind.REJECTED, "HTTP 503, the queue is full"),
        (lambda s: fail_late, Kind.REJECTED, "out of memory"),
        (lambda s: keep_silent, Kind.TIMEOUT, "after 1 s"),
        (lambda s: cut_short(s, "stop"), Kind.SHORT, "2 of 4 tokens"),
        (lambda s: cut_short(s, "abort"), Kind.DROPPED, "after 2 tokens"),
        (too_long, Kind.MALFORMED, "more than the 4"),
    ],
)
def test_server_that_fails_one_serves_the_others(
    make: Callable[[Server], Misbehave], kind: Kind, says: str
) -> None:
    """The failure has its kind and reason, its follower is never sent, all others are answered."""
    work = load(
        (0, 9, 4),
        (0, 7, 1),
        (50 * MS, 8, 2),
        parent_ptr=column(0, 0, 1, 1),
        parent=column(0),
        delay=column(0),
    )
    with Server() as server:
        server.misbehave[0] = make(server)
        found = run(server, work, timeout=1.0 if kind is Kind.TIMEOUT else 10.0)
    assert list(found.failures) == [0]
    assert found.failures[0].kind is kind
    assert says in str(found.failures[0])
    lost = Fate.DROPPED if kind is Kind.DROPPED else Fate.UNFINISHED
    assert found.record.fate.tolist() == [lost, Fate.ORPHAN, Fate.FINISHED]
    assert found.kinds == {kind: 1}


def test_nobody_there() -> None:
    """Every request says so, at once."""
    with Server() as server:
        pass
    found = run(server, FOUR)
    assert {failure.kind for failure in found.failures.values()} == {Kind.UNREACHABLE}
    assert not found.record.finished.any()


def test_run_that_takes_too_long_is_cut() -> None:
    """What has finished counts, what was open is cut."""
    with Server(pace=0.01) as server:
        work = load((0, 5, 2), (0, 5, 5000), (10**15, 4, 1))
        found = play(work, client(server), time_limit=0.5)
    assert found.record.fate.tolist() == [Fate.FINISHED, Fate.UNFINISHED, Fate.UNFINISHED]
    assert found.failures[1].kind is Kind.CUT
    assert not found.cancelled


def test_interrupt_keeps_what_was_measured() -> None:
    """Ctrl-C ends the run as a time limit does, and says so."""
    with Server(pace=0.01) as server:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        found = play(load((0, 5, 2), (0, 5, 5000)), client(server), time_limit=20)
    assert found.cancelled
    assert found.record.fate.tolist() == [Fate.FINISHED, Fate.UNFINISHED]


STREAM = (
    b'data: {"choices": [{"text": "a", "token_ids": [1, 2], "finish_reason": null}]}\n\n'
    b': comment\r\ndata: {"choices": [], "usage": {"completion_tokens": 2}}\r\n\r\n'
    b"data: [DONE]\n\n"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_events_do_not_depend_on_how_they_arrive(cuts: list[int]) -> None:
    """A line may come in any number of pieces."""
    lines = Lines()
    places = [0, *sorted(cuts), len(STREAM)]
    events = [
        found
        for begin_, end in itertools.pairwise(places)
        for found in lines.feed(STREAM[begin_:end])
    ]
    assert events[-1] == "[DONE]"
    assert [piece(found).tokens for found in events[:-1]] == [[1, 2], None]
    assert piece(events[1]).total == 2


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_events_are_failures_or_fine(data: st.DataObject) -> None:
    """Nothing but a :class:`Failure` comes out of a stream, whatever it holds."""
    text = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not text:
            break
    kinds = {Kind.MALFORMED, Kind.REJECTED}
    try:
        for found in Lines().feed(bytes(text)):
            if found != "[DONE]":
                piece(found)
    except Failure as failure:
        kinds.remove(failure.kind)


@settings(max_examples=30, deadline=None)
@given(answer=st.binary(max_size=200), proper=st.booleans())
def test_damaged_answers_are_failures_or_fine(answer: bytes, proper: bool) -> None:
    """Whatever bytes a server sends, the request fails with a sentence and the run ends."""

    async def babble(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if proper:
            begin(writer)
        writer.write(answer)
        await writer.drain()

    with Server(misbehave={0: babble}) as server:
        found = run(server, load((0, 5, 3)), timeout=5.0)
    assert found.failures[0].kind in (Kind.DISCONNECTED, Kind.MALFORMED, Kind.REJECTED)
