"""The time limit of expressions is there for what keeps a processor busy, not for what waits for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from app.engine.feel import Feel, FeelMemory, FeelTimeout, sandbox

ENDLESS = "count(for a in 1..100000, b in 1..100000 return a)"


@pytest.fixture
def feel() -> Iterator[Feel]:
    made = Feel(timeout=0.2)
    made.evaluate("1")
    yield made
    made.close()


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """One for each time that V8 was started."""
    found: list[float] = []
    start = sandbox.Sandbox._start

    def started(self: sandbox.Sandbox) -> object:
        found.append(time.monotonic())
        return start(self)

    monkeypatch.setattr(sandbox.Sandbox, "_start", started)
    return found


def test_what_keeps_a_processor_busy_is_stopped(feel: Feel) -> None:
    # On a busy machine it may have filled its memory before its time is over.
    with pytest.raises((FeelTimeout, FeelMemory), match=r"0\.2 seconds|too much memory"):
        feel.evaluate(ENDLESS)
    assert feel.evaluate("1 + 1") == 2


@pytest.mark.parametrize("times", [1, 2])
def test_what_had_no_processor_is_tried_again(
    feel: Feel, monkeypatch: pytest.MonkeyPatch, starts: list[float], times: int
) -> None:
    """As on a machine where others take all the processors: V8 gets nothing done before its time is over."""
    monkeypatch.setattr(sandbox, "processor_time", lambda threads: 0.0)
    run, calls = sandbox.MiniRacer.eval, []

    def starved(self: sandbox.MiniRacer, script: str, **limits: float) -> object:
        if script.startswith("millwrightFeel") and len(calls) < times:
            calls.append(limits)
            raise sandbox.JSTimeoutException
        return run(self, script, **limits)

    monkeypatch.setattr(sandbox.MiniRacer, "eval", starved)
    assert feel.evaluate("1 + 1") == 2
    assert len(calls) == times == len(starts)


def test_patience_ends(feel: Feel, monkeypatch: pytest.MonkeyPatch, starts: list[float]) -> None:
    monkeypatch.setattr(sandbox, "processor_time", lambda threads: 0.0)
    monkeypatch.setattr(sandbox, "PATIENCE", (1, 1, 1))
    with pytest.raises(FeelTimeout):
        feel.evaluate(ENDLESS)
    assert len(starts) == 2  # it was running when the first attempt began


def test_the_processor_time_of_other_threads_does_not_count(feel: Feel) -> None:
    inner = feel._sandbox
    if not inner._threads:
        pytest.skip("this system does not tell the processor times of threads")
    before = sandbox.processor_time(inner._threads)
    over = time.thread_time() + 0.2
    busy = threading.Thread(target=lambda: [None for _ in iter(lambda: time.thread_time() > 0.2, True)])
    busy.start()
    while time.thread_time() < over:
        pass
    busy.join()
    assert sandbox.processor_time(inner._threads) - before < 0.1
    feel.evaluate("count(for a in 1..500 return a * 2)")
    assert sandbox.processor_time(inner._threads) > before


GARBAGE = """
globalThis.recent = (globalThis.recent ?? []).slice(-200);
recent.push(Array.from({length: 300}, (_, position) => ({position, call: %d})));
recent.length"""


def test_garbage_does_not_pile_up() -> None:
    """What lives for some calls grows old in V8's eyes, and old garbage it leaves until it has a gigabyte."""
    box = sandbox.Sandbox(timeout=5, memory=64 * 1024 * 1024)
    for call in range(2000):
        box.run(f"{GARBAGE % call}{' ' * 500}")
    assert box._racer is not None
    assert box._racer.heap_stats()["total_heap_size"] < 16 * 1024 * 1024
    box.close()
