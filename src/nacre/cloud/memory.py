"""Keep the control plane small.

glibc gives every thread an arena of its own and keeps what each once needed; with dozens of
mostly idle threads that is tens of megabytes.  Two arenas serve four running threads as well.
"""

import ctypes

M_ARENA_MAX = -8  # malloc.h
ARENAS = 2


def keep_small() -> None:
    """Bound the arenas of this process; call it before threads are started.  Elsewhere than on glibc: nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
