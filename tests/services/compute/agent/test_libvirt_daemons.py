"""The libvirt daemons come and go only as told: what is closed starts nothing, what is purged is gone.

Each test puts a race into its worst order by hand, so none depends on which thread is quicker.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from compute_sites import PATIENCE_SECONDS, RealSite, open_site, processes

from nacre.services.compute.agent.drivers.libvirt import acceleration, connection, enclosure

DAEMONS = ("libvirtd", "virtlogd")


@pytest.fixture(scope="module")
def site() -> Iterator[RealSite]:
    with open_site("libvirt") as site:
        assert isinstance(site, RealSite)
        yield site


class Halt(logging.Handler):
    """Stops a thread where it writes a line to the log, until it may go on."""

    def __init__(self, logger: logging.Logger, words: str) -> None:
        super().__init__(logging.DEBUG)
        self._logger, self._words = logger, words
        self.reached, self.go_on = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.reached.set()
            assert self.go_on.wait(PATIENCE_SECONDS)

    def __enter__(self) -> "Halt":
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._logger.removeHandler(self)


def kill(site: RealSite, daemon: str) -> None:
    pid = site.driver.private.pid(daemon)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_keeper_that_just_woke_up_starts_nothing_after_close(site: RealSite) -> None:
    with Halt(connection.log, "A daemon of libvirt ended") as keeper:
        kill(site, "libvirtd")
        assert keeper.reached.wait(PATIENCE_SECONDS)
        closing = threading.Thread(target=site.driver.connection.close)
        closing.start()
        while site.driver.connection._keeper is not None:
            pass
        keeper.go_on.set()
        closing.join(PATIENCE_SECONDS)
        assert not closing.is_alive()
    assert site.driver.private.pid("libvirtd") is None
    site.reopen()


def test_a_daemon_that_does_not_end_in_time_is_made_to(
    site: RealSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nacre.services.compute.agent.drivers.libvirt.private.END_SECONDS", 0.2)
    pid = site.driver.private.pid("libvirtd")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # it hears no SIGTERM now
    site.driver.connection.close()
    site.driver.private.stop()
    assert site.processes() == []
    site.reopen()


@pytest.mark.parametrize("daemon", DAEMONS)
def test_purge_finds_a_daemon_without_a_pid_file(site: RealSite, daemon: str) -> None:
    site.driver.connection.close()
    (site.state_dir / "libvirt" / "run" / f"{daemon}.pid").unlink()
    site.make_driver().purge()
    assert site.processes() == []
    site.reopen()


def test_purge_finds_a_daemon_that_is_just_being_started(site: RealSite) -> None:
    """Whoever started it was killed: it is on its way into its enclosure and knows nothing of the purge."""
    site.driver.close()
    run = site.state_dir / "libvirt" / "run"
    pipe = site.state_dir / "pipe"
    os.mkfifo(pipe)
    # A bind that waits: the enclosure opens the namespace's file, and this one never answers.
    launch = [sys.executable, "-I", enclosure.__file__, "--netns", pipe, "--bind", run, "/run/libvirt"]
    started = subprocess.Popen([*launch, "--", "libvirtd"], start_new_session=True)
    while enclosure.__file__.encode() not in Path(f"/proc/{started.pid}/cmdline").read_bytes():
        pass
    site.make_driver().purge()
    assert started.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    pipe.unlink()
    site.reopen()


def test_a_machine_whose_kvm_hangs_costs_a_moment_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceleration, "WATCHDOG_SECONDS", 0.1)
    emulator = tmp_path / "emulator"
    emulator.write_text("#!/bin/sh\nexec sleep 3600\n")
    emulator.chmod(0o755)
    assert not acceleration.boots(str(emulator), "kvm")
    assert processes(str(emulator)) == []


def test_daemons_do_not_see_a_kvm_that_does_not_work(site: RealSite) -> None:
    if not Path("/dev/kvm").exists() or site.driver._opened.host.virt_type == "kvm":
        pytest.skip("there is no KVM here that does not work")
    pid = site.driver.private.pid("libvirtd")
    assert Path(f"/proc/{pid}/root/dev/kvm").read_bytes() == b""
