"""nacre as the first process of a container: orphans are seen off, signals and exit codes pass through."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="making a process namespace needs root"
)

#: The child leaves an orphan that ends at once, then waits until nothing in /proc is a zombie any more.
WITH_AN_ORPHAN = """
import os, pathlib, subprocess, sys, time
from nacre.cloud.first_process import step_aside
assert os.getpid() == 1
step_aside()
assert os.getpid() != 1
subprocess.run(["sh", "-c", "true & echo $!"], check=True, stdout=subprocess.DEVNULL)
def states():
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        yield stat.read_text().rpartition(")")[2].split()[0]
while "Z" in states():
    time.sleep(0.01)
sys.exit(7)
"""

WAITING = """
import signal, sys
from nacre.cloud.first_process import step_aside
step_aside()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("ready", flush=True)
signal.pause()
"""


def as_first_process(program: str) -> list[str]:
    return ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", program]


def test_orphans_are_reaped_and_the_exit_code_is_nacres() -> None:
    assert subprocess.run(as_first_process(WITH_AN_ORPHAN), check=False, timeout=60).returncode == 7


#: The parent of the child that says it is ready may not have run a line since it forked: it is made slow here.
WITH_A_SLOW_PARENT = """
import os, time
fork = os.fork
def slow():
    if child := fork():
        time.sleep(0.5)
    return child
os.fork = slow
"""


@pytest.mark.parametrize(
    "program", [WAITING, WITH_A_SLOW_PARENT + WAITING], ids=["at ease", "right after the fork"]
)
def test_a_signal_reaches_nacre(program: str) -> None:
    with subprocess.Popen(as_first_process(program), stdout=subprocess.PIPE, text=True) as outside:
        try:
            assert outside.stdout is not None
            assert outside.stdout.readline() == "ready\n"
            os.kill(_first_process_of(outside.pid), signal.SIGTERM)
            assert outside.wait(60) == 9
        finally:
            outside.kill()


def test_elsewhere_nothing_happens() -> None:
    program = "import os; from nacre.cloud.first_process import step_aside; p = os.getpid(); step_aside(); "
    program += "assert os.getpid() == p"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def _first_process_of(unshare: int) -> int:
    """Return the process that is number 1 in the namespace, by its number out here."""
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        with open(f"/proc/{unshare}/task/{unshare}/children") as children:
            if pids := children.read().split():
                return int(pids[0])
    raise AssertionError("unshare has no child")
