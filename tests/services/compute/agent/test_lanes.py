"""Jobs in order per lane, few threads, waits that cost none."""

import threading
from collections.abc import Iterator

import pytest

from nacre.services.compute.agent.lanes import Lanes

PATIENCE_SECONDS = 30.0


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    lanes = Lanes(workers=3)
    yield lanes
    lanes.close()


def test_a_lane_keeps_its_order_and_others_go_on(lanes: Lanes) -> None:
    done: list[int] = []
    hold, finished = threading.Event(), threading.Event()
    lanes.submit("a", lambda: None if hold.wait(PATIENCE_SECONDS) else None)
    for number in range(20):
        lanes.submit("a", lambda number=number: done.append(number))
    lanes.submit("a", finished.set)
    other = threading.Event()
    lanes.submit("b", other.set)
    assert other.wait(PATIENCE_SECONDS)
    assert done == []
    hold.set()
    assert finished.wait(PATIENCE_SECONDS)
    assert done == list(range(20))


def test_a_job_that_waits_holds_its_lane_and_no_thread(lanes: Lanes) -> None:
    calls: list[str] = []
    second = threading.Event()

    def waits() -> float | None:
        calls.append("waits")
        return 0.05 if len(calls) < 4 else None

    for lane in range(50):  # many more than workers
        lanes.submit(f"sleeper-{lane}", lambda: 3600.0)
    lanes.submit("a", waits)
    lanes.submit("a", second.set)
    assert second.wait(PATIENCE_SECONDS)
    assert calls == ["waits"] * 4
    assert lanes.length() == 50


def test_a_wait_ends_though_the_one_idle_thread_has_found_long_work(lanes: Lanes) -> None:
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    def wait_once() -> float | None:
        if begun.is_set():
            ended.set()
            return None
        begun.set()
        return 0.5

    lanes.submit("waiting", wait_once)
    assert begun.wait(PATIENCE_SECONDS)
    lanes.submit("long", lambda: None if release.wait(PATIENCE_SECONDS) else None)
    try:
        assert ended.wait(PATIENCE_SECONDS / 2)
    finally:
        release.set()


def test_two_jobs_that_come_at_once_do_not_share_the_one_idle_thread(lanes: Lanes) -> None:
    for _ in range(20):
        idle, release, done = threading.Event(), threading.Event(), threading.Event()
        lanes.submit("first", idle.set)
        assert idle.wait(PATIENCE_SECONDS)
        lanes.submit("long", lambda release=release: None if release.wait(PATIENCE_SECONDS) else None)
        lanes.submit("short", done.set)
        try:
            assert done.wait(PATIENCE_SECONDS / 2)
        finally:
            release.set()


def test_a_kick_ends_a_wait(lanes: Lanes) -> None:
    asleep, done = threading.Event(), threading.Event()

    def job() -> float | None:
        if asleep.is_set():
            done.set()
            return None
        asleep.set()
        return 3600.0

    lanes.submit("a", job)
    assert asleep.wait(PATIENCE_SECONDS)
    lanes.kick("a")
    assert done.wait(PATIENCE_SECONDS)
    lanes.kick("nobody")


def test_a_job_that_fails_takes_nothing_with_it(lanes: Lanes) -> None:
    done = threading.Event()

    def fails() -> None:
        raise RuntimeError("a bug")

    lanes.submit("a", fails)
    lanes.submit("a", done.set)
    assert done.wait(PATIENCE_SECONDS)


def test_close_begins_nothing_more(lanes: Lanes) -> None:
    begun, hold = threading.Event(), threading.Event()
    never = threading.Event()

    def job() -> None:
        begun.set()
        hold.wait(PATIENCE_SECONDS)

    lanes.submit("a", job)
    lanes.submit("a", never.set)
    assert begun.wait(PATIENCE_SECONDS)
    assert not lanes.close(timeout_seconds=0)
    hold.set()
    assert lanes.close()
    assert not never.is_set()
