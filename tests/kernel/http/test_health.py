"""/healthcheck: whether a proxy may send requests to a process; and how a process ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from nacre.kernel.config import ConfigFile
from nacre.kernel.http.app import HEALTH_PATH
from nacre.kernel.process import Process
from nacre.kernel.testing import daemons
from nacre.services import manifests

PATIENCE = 30.0  # seconds after which a test gives up; never an expectation
LONG_SECONDS = 600.0


class OnePort:
    """Everything on one free port."""

    def __init__(self) -> None:
        (self.port,) = daemons.free_ports(1)

    def of(self, usual: int) -> None:
        return None

    def front(self, usual: int) -> int:
        return self.port


class Running:
    """A process of identity that serves."""

    def __init__(self, where: Path, **options: Any) -> None:
        self.ports = OnePort()
        self.process = Process(
            manifests(("identity",)), state=where, ports=self.ports, config=ConfigFile({"process": options})
        )
        self.process.start()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.process.serve, kwargs={"on_ready": ready.set})
        self.thread.start()
        assert ready.wait(PATIENCE)
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE)

    def ask(self, path: str) -> int:
        return self._pool.request("GET", f"http://127.0.0.1:{self.ports.port}{path}").status

    def close(self) -> None:
        self.process.stop()
        self.thread.join(PATIENCE)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A process that drains for longer than a test lasts."""
    running = Running(tmp_path, drain_seconds=LONG_SECONDS)
    yield running
    running.close()


def test_a_process_that_serves_is_well(running: Running) -> None:
    assert running.ask(HEALTH_PATH) == 200


def test_a_process_that_drains_says_so_and_serves_on(running: Running) -> None:
    running.process.end()
    assert running.ask(HEALTH_PATH) == 404
    assert running.ask("/identity/v3") == 200


def test_the_second_word_ends_it_at_once(running: Running) -> None:
    running.process.end()
    running.process.end()
    running.thread.join(PATIENCE)
    assert not running.thread.is_alive()


def test_without_draining_it_ends_at_once(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.process.end()
    running.thread.join(PATIENCE)
    assert not running.thread.is_alive()
    running.close()


def test_a_process_told_to_end_before_it_serves_does_not_begin(tmp_path: Path) -> None:
    process = Process(manifests(("identity",)), state=tmp_path, ports=OnePort())
    process.start()
    process.end()
    process.serve()  # and returns
    process.stop()


def test_a_request_under_way_is_answered(tmp_path: Path) -> None:
    running = Running(tmp_path)
    service = running.process.services["identity"]
    entered, leave = threading.Event(), threading.Event()
    handle, statuses = service.handle, []

    def slow(*args: Any) -> Any:
        entered.set()
        leave.wait(PATIENCE)
        return handle(*args)

    service.handle = slow  # type: ignore[method-assign]
    asking = threading.Thread(target=lambda: statuses.append(running.ask("/identity/v3")))
    asking.start()
    assert entered.wait(PATIENCE)
    running.process.end()
    leave.set()
    asking.join(PATIENCE)
    running.close()
    assert statuses == [200]
