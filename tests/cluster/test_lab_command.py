"""`nacre lab` as people use it: it comes up, cables are pulled, and even of a killed one nothing is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nacre.cloud.lab import switch
from nacre.cloud.lab.lab import make_ground
from nacre.cloud.lab.programs import NACRE, Program
from nacre.cloud.lab.switch import Switch
from nacre.kernel.testing.brokers import PROGRAM

PATIENCE = 120.0  # seconds after which a test gives up; never an expectation


@pytest.fixture
def where() -> Iterator[Path]:
    if shutil.which("haproxy") is None or not PROGRAM.exists():
        pytest.skip("no RabbitMQ or no HAProxy is installed")
    ground = make_ground()
    ground.remove()
    if not isinstance(ground, Switch):
        pytest.skip("network namespaces need root")
    with TemporaryDirectory(prefix="nacre-") as short:
        yield Path(short) / "lab"


def lab(*words: str, where: Path) -> str:
    command = [*NACRE, "lab", *words, "--state", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_reached(address: str) -> bool:
    done = subprocess.run(["ping", "-n", "-c", "1", "-W", "1", address], capture_output=True, check=False)
    return done.returncode == 0


def eventually(truth: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.timeout(600)
def test_a_lab_is_cut_killed_and_cleared_away(where: Path, tmp_path: Path) -> None:
    command = [*NACRE, "lab", "up", "--control", "1", "--hosts", "1", "--state", str(where)]
    program = Program("lab", command, tmp_path / "log", ready="the lab is ready")
    program.start()
    eventually(lambda: "nacre lab mend" in program.said())
    address = re.findall(r"host-1 +(10\.204\.[0-9.]+) ", program.said())[0]
    assert is_reached(address)
    lab("cut", "host-1", where=where)
    assert not is_reached(address)
    lab("mend", "host-1", where=where)
    eventually(lambda: is_reached(address))

    note = json.loads((where / "lab.json").read_bytes())
    os.kill(program.pid, signal.SIGKILL)
    program.kill()
    assert switch.processes(note["switch"])
    lab("down", where=where)
    assert switch.present(note["switch"]) == []
    assert not [each for each in (str(where), *note["directories"]) if Path(each).exists()]
    assert not is_reached(address)
    assert (
        note["switch"]
        not in subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    )
