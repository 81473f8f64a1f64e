"""Keep the control plane small, and its garbage collector out of the way.

glibc gives every thread an arena of its own and keeps what each once needed; with dozens of mostly idle threads that
is tens of megabytes.  Two arenas serve four running threads as well.  What is kept saves time while it is used again,
as by one password after another; so it is given back to the system only now and then.

Python's collector looks for cycles each time so many more objects were made than freed, and now and then at all
objects of the process.  Answering a long list makes objects by the ten thousand, none of them garbage: it would go
through the libraries' half million for nothing.  What is there once a process has started stays for its life.
"""

import ctypes
import gc
import threading

M_ARENA_MAX = -8  # malloc.h
ARENAS = 2
GIVE_BACK_SECONDS = 30.0

COLLECT_AFTER = 20_000, 10, 10
"""So many more objects than before start a collection of the young; Python's own number is 700."""


def keep_small() -> None:
    """Bound the arenas of this process; call it before threads are started.  Elsewhere than on glibc: nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def settle() -> None:
    """Say that the process has started: the collector leaves alone what is there now, unused memory goes back."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        threading.Thread(
            target=_give_back, args=(trim, threading.Event()), name="memory", daemon=True
        ).start()


def _give_back(trim: "ctypes._NamedFuncPointer", never: threading.Event) -> None:
    """Give unused pages back to the system, for ever."""
    while not never.wait(GIVE_BACK_SECONDS):
        trim(0)
