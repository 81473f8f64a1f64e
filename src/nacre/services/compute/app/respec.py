"""Changes of what a server is made of: rebuilding it from an image, rescuing it with another.

Each writes the new wishes into the row, and one workflow has the host make them so.  What the guest
cannot learn while it runs (another disk to boot from) needs it stopped first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest, OverQuota
from nacre.services.compute import rpc
from nacre.services.compute.app import images, jobs, limits, names, servers, states
from nacre.services.compute.app.states import Operation
from nacre.services.compute.db import keypairs
from nacre.services.compute.db import labels as label_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import TaskState, VmState
from nacre.services.compute.errors import KeyNameInvalid


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One row: how the change begins, whether the guest must stop for it, and what the server is then.

    becomes    None: as its power says
    sets_task  while the host works on it, where that differs from the beginning
    """

    name: str
    operation: Operation
    event: str
    stops_first: bool
    becomes: VmState | None = None
    sets_task: TaskState | None = None


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="rebuild", operation=states.REBUILD, event="compute_rebuild_instance", stops_first=False,
            sets_task=TaskState.REBUILD_SPAWNING,
        ),
        Verb(
            name="rescue", operation=states.RESCUE, event="compute_rescue_instance", stops_first=True,
            becomes=VmState.RESCUED,
        ),
        Verb(
            name="unrescue", operation=states.UNRESCUE, event="compute_unrescue_instance", stops_first=True,
            becomes=VmState.ACTIVE,
        ),
    )
}  # fmt: skip


class Rebuild(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild may change; UNSET leaves it as it is."""

    image_id: str
    admin_password: str | None = None
    metadata: dict[str, str] | None = None
    files: dict[str, str] | None = None
    changes: dict[str, Any] = {}
    key_name: str | None | msgspec.UnsetType = msgspec.UNSET


def rebuild(ctx: Context, server: Server, asked: Rebuild) -> tuple[Server, str]:
    """Write down that a server is to be rebuilt; return it and the administrator's new password."""
    image = images.for_server(ctx, asked.image_id, server.flavor)
    changes: dict[str, Any] = {**asked.changes}
    if asked.key_name is None:
        changes |= {"key_name": None, "public_key": None, "key_type": None}
    elif asked.key_name is not msgspec.UNSET:
        key = ctx.db.read(keypairs.find, ctx.user_id, asked.key_name)
        if key is None:
            raise KeyNameInvalid()
        changes |= {"key_name": key.name, "public_key": key.public_key, "key_type": key.type}
    if asked.files is not None:
        servers.check_files(ctx, asked.files)
        changes |= {"injected_files": asked.files, "config_drive": True}
    password = asked.admin_password or names.password()

    def write(tx: Transaction) -> Server:
        present = rows.lock(tx, server.id)
        allowed = limits.of(tx, ctx, present.project_id)["metadata_items"]
        if asked.metadata is not None and len(asked.metadata) > allowed >= 0:
            raise OverQuota(f"Maximum number of metadata items exceeds {allowed}")
        stays_off = present.vm_state is VmState.STOPPED
        _begin(
            tx,
            ctx,
            present,
            VERBS["rebuild"],
            **changes,
            image_id=image.id,
            image=image,
            root_generation=present.root_generation + 1,
            admin_password=password,
            power=rpc.Power.SHUTDOWN if stays_off else rpc.Power.RUNNING,
        )
        if asked.metadata is not None:
            label_rows.replace_metadata(tx, server.id, asked.metadata)
        return rows.get(tx, server.id)

    return ctx.db.run(write), password


def rescue(ctx: Context, server: Server, image_id: str | None, password: str | None) -> str:
    """Write down that a server is to boot from a rescue image; return the administrator's password.

    Without an image its own serves.
    """
    wanted = image_id or server.image_id
    if wanted is None:
        raise BadRequest(f"Instance {server.id} cannot be rescued: there is no image to rescue it with.")
    image = images.find(ctx, wanted)
    password = password or names.password()

    def write(tx: Transaction) -> None:
        present = rows.lock(tx, server.id)
        _begin(
            tx, ctx, present, VERBS["rescue"],
            rescue_image=image, admin_password=password, power=rpc.Power.RUNNING,
        )  # fmt: skip

    ctx.db.run(write)
    return password


def unrescue(ctx: Context, server: Server) -> None:
    """Write down that a rescued server is to boot from its own disk again."""

    def write(tx: Transaction) -> None:
        present = rows.lock(tx, server.id)
        _begin(tx, ctx, present, VERBS["unrescue"], rescue_image=None, power=rpc.Power.RUNNING)

    ctx.db.run(write)


def _begin(tx: Transaction, ctx: Context, server: Server, verb: Verb, **values: Any) -> None:
    """Begin a change; its spec gets a revision for each of the two commands that there may be."""
    servers.begin(tx, ctx, server.id, verb.operation, **values, revision=server.revision + 2)
    states.host_of(server)
    tasks.start(
        tx,
        jobs.RESPEC,
        jobs.ServerRespec(server.id, verb.name),
        resource=jobs.of(server.id),
        ctx=ctx,
    )
