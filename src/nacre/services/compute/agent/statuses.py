"""What the agent last said about each server, numbered, so that a listener can ask what it missed.

Every change of a status gets the host's next change number.  The numbers count within an *epoch*, which is
new with every start of the agent.  Removed servers stay as ``missing`` for a while; a listener whose number
is older than the oldest of these is told everything again.
"""

import threading
from collections import OrderedDict
from datetime import datetime

import msgspec

from nacre.kernel import ids
from nacre.services.compute import rpc

#: How many removed servers are remembered for listeners that were away.
REMOVED_KEPT = 5_000


class StatusLog:
    """The statuses of one host in the order of their last change."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.epoch = ids.new_id()
        self._lock = threading.Lock()
        self._change = 0
        self._forgotten = 0  # changes up to here cannot all be told any more
        self._statuses: OrderedDict[str, rpc.ServerStatus] = OrderedDict()  # oldest change first
        self._removed = 0

    @property
    def change(self) -> int:
        """The number of the latest change."""
        return self._change

    def get(self, server_id: str) -> rpc.ServerStatus | None:
        return self._statuses.get(server_id)

    def publish(self, status: rpc.ServerStatus, at: datetime) -> rpc.ServerStatus | None:
        """Take in a status; return it with its number if it differs from what was said before."""
        with self._lock:
            before = self._statuses.get(status.id)
            if before is not None:
                status = msgspec.structs.replace(status, change=before.change, changed_at=before.changed_at)
                if status == before:
                    return None
            self._change += 1
            status = msgspec.structs.replace(status, change=self._change, changed_at=at)
            self._removed += _gone(status) - (before is not None and _gone(before))
            self._statuses[status.id] = status
            self._statuses.move_to_end(status.id)
            if self._removed > REMOVED_KEPT:
                self._forget_oldest_removed()
            return status

    def changes(self, asked: rpc.Resync) -> rpc.Changes:
        """Tell what changed after a number; everything if that cannot be told."""
        with self._lock:
            full = asked.epoch != self.epoch or (not asked.continued and asked.since <= self._forgotten)
            since = 0 if full else asked.since
            later = [status for status in self._statuses.values() if status.change > since]
            page = later[: max(1, asked.limit)]
            more = len(later) > len(page)
            return rpc.Changes(
                host=self._host,
                epoch=self.epoch,
                change=page[-1].change if more else self._change,
                servers=tuple(page),
                full=full,
                more=more,
            )

    def _forget_oldest_removed(self) -> None:
        for server_id, status in self._statuses.items():
            if _gone(status):
                self._forgotten = status.change
                self._removed -= 1
                del self._statuses[server_id]
                return


def _gone(status: rpc.ServerStatus) -> bool:
    return status.state is rpc.ServerState.MISSING
