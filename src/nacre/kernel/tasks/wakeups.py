"""Who wants to hear that a database has work: the runners of this process, and whoever tells others.

A wake-up is a hint.  Losing one costs a few seconds (runners also look by themselves), because the
work itself is in the table.
"""

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from nacre.kernel.db import Database

Listener = Callable[[], object]

_guard = threading.Lock()
_listeners: WeakKeyDictionary[Database, list[Listener]] = WeakKeyDictionary()


def listen(db: Database, listener: Listener) -> Callable[[], None]:
    """Call `listener()` whenever this process has written work for `db`; return how to stop that.

    It is called after the commit, in the thread that wrote, so it only passes the news on.  A process
    without a runner casts it over the bus to one that has.
    """
    with _guard:
        _listeners[db] = [*_listeners.get(db, []), listener]

    def stop() -> None:
        with _guard:
            _listeners[db] = [each for each in _listeners.get(db, []) if each is not listener]

    return stop


def announce(db: Database) -> None:
    """Tell all listeners that `db` has work."""
    for listener in _listeners.get(db, ()):
        listener()
