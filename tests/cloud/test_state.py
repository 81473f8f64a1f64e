"""Who holds a state directory: one cloud, and nobody who only looks."""

import fcntl
import threading
from pathlib import Path

import pytest

from nacre.cloud import state as states
from nacre.cloud.state import Running, StateDirectory
from nacre.kernel.errors import Conflict


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    state = StateDirectory(tmp_path)
    state.prepare()
    return state


def test_two_clouds_cannot_hold_a_directory(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "HOLD_SECONDS", 0.0)
    with state.held():
        state.note_running(Running(pid=4711, mode="real", auth_url="", front_url=""))
        with pytest.raises(Conflict, match="4711"), state.held():
            pass


def test_one_who_looks_keeps_nobody_from_starting(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "HOLD_SECONDS", 60.0)
    lock = (state.root / "run" / "lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)  # as `running` does, for less than a moment
    threading.Timer(0.1, lock.close).start()
    with state.held():
        assert lock.closed


def test_what_a_killed_cloud_said_of_itself_is_not_believed(state: StateDirectory) -> None:
    state.note_running(Running(pid=4711, mode="real", auth_url="", front_url="", ready=True))
    assert state.running() is None
