"""What servers used over a span of time, from the rows of those that were there in it."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, or_, select

from nacre.kernel.db import Page, Sort, Transaction, page
from nacre.services.compute.db.tables import FlavorCopy, VmState, servers


class Stay(msgspec.Struct, frozen=True):
    """A server that ran for some time; still there if it has no end."""

    id: str
    project_id: str
    name: str
    flavor: FlavorCopy
    vm_state: VmState
    created_at: datetime
    launched_at: datetime
    terminated_at: datetime | None
    deleted: bool


_ALL = select(*[servers.c[name] for name in Stay.__struct_fields__])


def within(
    tx: Transaction, begin: datetime, end: datetime, project_id: str | None, asked: Page
) -> list[Stay]:
    """Return one page of the servers that ran at any time of a span, the oldest first; the marker is a server's id."""
    conditions: list[ColumnElement[bool]] = [
        servers.c.launched_at.is_not(None),
        servers.c.launched_at < end,
        or_(servers.c.terminated_at.is_(None), servers.c.terminated_at > begin),
    ]
    if project_id is not None:
        conditions.append(servers.c.project_id == project_id)
    asked = msgspec.structs.replace(asked, sort=(Sort("created_at"), Sort("id")))
    return page(tx, _ALL.where(*conditions), Stay, servers, asked)
