"""The tables that every service's database has, whatever the service is.

They are the kernel's own: with a revision and migrations of their own beside the service's, so that a change
here is one migration and not one for each service.

    kernel_processes   which processes use this database, and which revisions of its tables they know
    kernel_answers     what was answered to requests that carry an Idempotency-Key; see kernel/http/repeats
"""

from sqlalchemy import Boolean, Index, Integer, Table

from nacre.kernel.db.columns import Bytes, Id, Json, Name, UtcDateTime, column, new_metadata, sized
from nacre.kernel.db.migrations import Schema

metadata = new_metadata()

processes = Table(
    "kernel_processes",
    metadata,
    column("id", Id, key=True),
    column("host", Name),
    column("pid", Integer),
    column("program", Name),
    column("revision", sized(32)),
    column("started_at", UtcDateTime),
    column("seen_at", UtcDateTime),
)

answers = Table(
    "kernel_answers",
    metadata,
    column("id", sized(64), key=True),  # of service, project, user and key; the key itself is not stored
    column("fingerprint", sized(64)),
    column("request_id", sized(64)),
    column("process_id", Id, null=True),  # who works on it; nobody once there is an answer
    column("wrote", Boolean),  # something was committed for it
    column("made", Json(list[str])),  # the ids of what it was to make, committed together with them
    column("status", Integer, null=True),
    column("answer", Bytes, null=True),  # sealed
    column("created_at", UtcDateTime),
    Index("kernel_answers_by_age", "created_at"),
)

KERNEL_SCHEMA = Schema(metadata, version_table="kernel_revision")


def known_revision(schema: Schema) -> str:
    """Return the revisions of the kernel's and a service's tables that this program knows, as one text."""
    return f"{KERNEL_SCHEMA.revision}/{schema.revision}"
