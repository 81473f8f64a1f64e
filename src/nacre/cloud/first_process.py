"""In a container the first process inherits every orphan, and must take leave of those that end.

The daemons of a cloud and its guests outlive whoever started them and so become children of process 1.
libvirt waits until a guest's process is gone for good: under a first process that does not reap, no guest
would ever be gone.  So where nacre itself was started as process 1 it becomes two: one that does nothing but
reap and pass signals on, and one that is nacre.
"""

import os
import signal
import sys
from types import FrameType

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def step_aside() -> None:
    """Return at once, unless this is process 1: then return in a child; the parent ends as the child does."""
    if os.getpid() != 1:
        return
    # The kernel drops what process 1 has no handler for; held back, a signal waits until there is one.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    sys.exit(_reap_until(child))


def _reap_until(child: int) -> int:
    """Reap whoever ends, until `child` does; return its exit code, as a shell gives it."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
