"""What the agent must remember of each server, one small file each on the host's disk.

A record holds the spec that the control plane sent last, the commands that were accepted and not finished,
and how the last ones ended.  It does not say what *is*: the driver knows that.

Files are replaced whole, by rename, so a killed agent leaves the old one or the new one.  They are not
synced: what a power cut takes away, the control plane sends again.  A file that cannot be read is set
aside.
"""

import logging
import os
import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from nacre.kernel.errors import BadRequest
from nacre.services.compute import rpc

log = logging.getLogger(__name__)

#: How many ended commands a record keeps: enough to recognise one that arrives again.
OUTCOMES_KEPT = 16

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was accepted and is not finished."""

    command_id: str
    verb: str
    body: msgspec.Raw  # the message as JSON
    revision: int = 0  # of the spec that it makes true; 0 = it changes none
    accepted_at: datetime


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One server, as far as the agent must remember it."""

    server_id: str
    spec: rpc.ServerSpec | None = None  # None: only to be removed
    applied_revision: int = 0
    pending: tuple[Pending, ...] = ()
    outcomes: tuple[rpc.Outcome, ...] = ()
    fault: rpc.Fault | None = None

    def outcome(self, command_id: str) -> rpc.Outcome | None:
        """Find how a command ended."""
        return next((outcome for outcome in self.outcomes if outcome.command_id == command_id), None)

    @property
    def newest_revision(self) -> int:
        """The newest revision that was heard of, whether it is so already or not."""
        held = self.spec.revision if self.spec is not None else 0
        return max([held, *(pending.revision for pending in self.pending)])

    def awaits(self, verb: str) -> bool:
        """Tell whether such a command is accepted and not finished."""
        return any(pending.verb == verb for pending in self.pending)

    def with_pending(self, pending: Pending) -> "Record":
        return msgspec.structs.replace(self, pending=(*self.pending, pending))

    def with_body(self, command_id: str, body: msgspec.Raw, revision: int) -> "Record":
        """Give a command that is not finished its newest words; the same record if they are not new."""
        newer = tuple(
            msgspec.structs.replace(each, body=body, revision=revision)
            if each.command_id == command_id and each.body != body
            else each
            for each in self.pending
        )
        return self if newer == self.pending else msgspec.structs.replace(self, pending=newer)

    def with_outcome(self, outcome: rpc.Outcome) -> "Record":
        """Take a command off the list and note its end."""
        return msgspec.structs.replace(
            self,
            pending=tuple(p for p in self.pending if p.command_id != outcome.command_id),
            outcomes=(*self.outcomes, outcome)[-OUTCOMES_KEPT:],
        )

    def with_spec(self, **changes: Any) -> "Record":
        """Change single fields of the spec, if there is one."""
        if self.spec is None:
            return self
        return msgspec.structs.replace(self, spec=msgspec.structs.replace(self.spec, **changes))


class Records:
    """All records of this host: in memory, and in one file each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def load(self) -> None:
        """Read what an earlier agent left."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._directory.glob("*.tmp"):
            path.unlink(missing_ok=True)
        for path in self._directory.glob("*.json"):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
            except msgspec.MsgspecError as error:
                log.error("Cannot read %s, setting it aside: %s", path, error)
                path.rename(path.with_suffix(".unreadable"))
                continue
            self._records[record.server_id] = record

    def get(self, server_id: str) -> Record | None:
        return self._records.get(server_id)

    def all(self) -> list[Record]:
        with self._lock:
            return list(self._records.values())

    def change(self, server_id: str, function: Callable[[Record | None], Record | None]) -> Record | None:
        """Replace one record by what `function` makes of it; `None` means that there is none (any more)."""
        if not _ID.fullmatch(server_id):  # it becomes a file's name
            raise BadRequest(f"{server_id!r} is not an id of a server.")
        with self._lock:
            before = self._records.get(server_id)
            after = function(before)
            if after is before:
                return after
            path = self._directory / f"{server_id}.json"
            if after is None:
                path.unlink(missing_ok=True)
                del self._records[server_id]
            else:
                _write(path, msgspec.json.encode(after))
                self._records[server_id] = after
            return after


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)
