"""The names and inputs of compute's workflows; their steps stand in `tasks`, one file for each.

`app` starts a workflow in the transaction that writes its cause, and so must know it; the steps in turn call
`app`.  So what is started is declared here, and `tasks` adds how it is done.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.kernel.tasks import Workflow
from nacre.services.compute.db.tables import FlavorCopy


class ServerBuild(msgspec.Struct, frozen=True, omit_defaults=True):
    """Make a server; `excluded` are the hosts that earlier attempts tried in vain."""

    server_id: str
    attempt: int = 1
    excluded: tuple[str, ...] = ()


class ServerDelete(msgspec.Struct, frozen=True):
    """Remove a server from the world."""

    server_id: str


class ServerPower(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bring a server into another power state; `verb` is one of those in app/power.py."""

    server_id: str
    verb: str
    timeout_seconds: float = 0.0


class ServerRespec(msgspec.Struct, frozen=True):
    """Have a server's host take over its changed spec; `verb` is one of those in app/respec.py."""

    server_id: str
    verb: str


class ServerResize(msgspec.Struct, frozen=True):
    """Give a server another size, on the host where it is."""

    server_id: str
    flavor: FlavorCopy
    was_off: bool


class LiveMigration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bring a running server to another host; `excluded` are hosts that earlier attempts tried in vain."""

    server_id: str
    migration_id: str
    target: str | None = None
    forced: bool = False
    attempt: int = 1
    excluded: tuple[str, ...] = ()


class ColdMigration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Stop a server and bring it to another host, where it has the size of `flavor`."""

    server_id: str
    migration_id: str
    flavor: FlavorCopy
    was_off: bool
    target: str | None = None
    attempt: int = 1
    excluded: tuple[str, ...] = ()


class Evacuation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Make a server anew on another host, because its own is gone; `stays_off`: without starting it."""

    server_id: str
    migration_id: str
    stays_off: bool
    target: str | None = None
    forced: bool = False
    attempt: int = 1
    excluded: tuple[str, ...] = ()


class ResizeEnd(msgspec.Struct, frozen=True):
    """Keep a server's new size, or go back to the old one."""

    server_id: str


class BackupRotation(msgspec.Struct, frozen=True):
    """Delete all but the newest backups of a series, `backup_type`; `keep` is how many stay."""

    server_id: str
    owner: str
    backup_type: str
    keep: int


class ServerSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """Copy a server's root disk into a new image whose id is chosen already; if it is a backup, then rotate."""

    server_id: str
    image_id: str
    name: str
    owner: str
    properties: dict[str, str]
    min_disk_gb: int = 0
    min_memory_mb: int = 0
    rotation: BackupRotation | None = None


class InterfaceAttach(msgspec.Struct, frozen=True, omit_defaults=True):
    """Plug a card into a server: of a port that is lent, or of one that is made on a network (`owned`)."""

    server_id: str
    port_id: str
    tag: str | None = None
    owned: bool = False
    network_id: str | None = None
    fixed_ip: str | None = None


class InterfaceDetach(msgspec.Struct, frozen=True):
    """Unplug a card from a server."""

    server_id: str
    port_id: str


BUILD: Workflow[ServerBuild] = Workflow("server_build", ServerBuild)
DELETE: Workflow[ServerDelete] = Workflow("server_delete", ServerDelete)
POWER: Workflow[ServerPower] = Workflow("server_power", ServerPower)
RESPEC: Workflow[ServerRespec] = Workflow("server_respec", ServerRespec)
RESIZE: Workflow[ServerResize] = Workflow("server_resize", ServerResize)
LIVE_MIGRATE: Workflow[LiveMigration] = Workflow("server_live_migrate", LiveMigration)
MIGRATE: Workflow[ColdMigration] = Workflow("server_migrate", ColdMigration)
EVACUATE: Workflow[Evacuation] = Workflow("server_evacuate", Evacuation)
CONFIRM: Workflow[ResizeEnd] = Workflow("resize_confirm", ResizeEnd)
REVERT: Workflow[ResizeEnd] = Workflow("resize_revert", ResizeEnd)
SNAPSHOT: Workflow[ServerSnapshot] = Workflow("server_snapshot", ServerSnapshot)
ROTATE: Workflow[BackupRotation] = Workflow("backup_rotate", BackupRotation)
ATTACH_INTERFACE: Workflow[InterfaceAttach] = Workflow("interface_attach", InterfaceAttach)
DETACH_INTERFACE: Workflow[InterfaceDetach] = Workflow("interface_detach", InterfaceDetach)


def of(server_id: str) -> tuple[str, str]:
    """Return what the jobs of a server are about, by which they run one at a time."""
    return "server", server_id


def backups_of(server_id: str) -> tuple[str, str]:
    """The same for its backups, which outlive it."""
    return "backups", server_id


ALL: tuple[Workflow[Any], ...] = (
    BUILD, DELETE, POWER, RESPEC, RESIZE, CONFIRM, REVERT, LIVE_MIGRATE, MIGRATE, EVACUATE, SNAPSHOT, ROTATE,
    ATTACH_INTERFACE, DETACH_INTERFACE,
)  # fmt: skip
