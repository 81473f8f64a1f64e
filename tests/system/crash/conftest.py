"""A real cloud that is killed, and afterwards purged."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cloud")]
from lives import Lives  # noqa: E402
from traces import Traces  # noqa: E402

from real_clients import nacre  # noqa: E402

if os.geteuid() != 0:
    pytest.skip("real mode needs root", allow_module_level=True)


@pytest.fixture(scope="module")
def lives():
    """One real cloud's processes, one after the other; at the end it is purged, and nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="nacre-") as short:  # there will be sockets in it
        state = Path(short) / "state"
        lives = Lives(state)
        yield lives
        lives.end()
        traces = Traces(state)
        nacre("down", "--purge", "--state", state)
        assert traces.look() == []
