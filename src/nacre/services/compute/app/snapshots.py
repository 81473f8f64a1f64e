"""Images made of servers: single ones, and backups, of which a series keeps the newest few."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import OverQuota
from nacre.kernel.ids import new_id
from nacre.services.compute.app import jobs, limits, servers, states
from nacre.services.compute.app.jobs import BackupRotation, ServerSnapshot
from nacre.services.compute.db.servers import Server
from nacre.services.image import client as image

log = logging.getLogger(__name__)

PAGE = 100
NOT_INHERITED = frozenset(
    ("cache_in_nova", "bittorrent", "img_signature_hash_method", "img_signature",
     "img_signature_key_type", "img_signature_certificate_uuid", "block_device_mapping", "mappings")
)  # fmt: skip


def create(ctx: Context, server: Server, name: str, metadata: dict[str, str]) -> str:
    """Write down that an image is to be made of a server; return the new image's id.

    The image exists, empty, when this returns; its bytes follow.
    """
    _check(ctx, metadata)
    # compat: what the caller says of the image's type holds (nova, compute/api.py, _create_image)
    wanted = _plan(ctx, server, name, {"image_type": "snapshot", **metadata})
    return _begin(ctx, wanted, states.CREATE_IMAGE)


def back_up(
    ctx: Context, server: Server, name: str, metadata: dict[str, str], *, backup_type: str, keep: int
) -> str:
    """The same for the next of a series of backups, of which the newest `keep` are kept."""
    _check(ctx, metadata)
    wanted = _plan(ctx, server, name, {**metadata, "image_type": "backup", "backup_type": backup_type})
    series = BackupRotation(server.id, server.project_id, backup_type, keep)
    return _begin(ctx, msgspec.structs.replace(wanted, rotation=series), states.CREATE_BACKUP)


def _check(ctx: Context, metadata: dict[str, str]) -> None:
    allowed = limits.defaults(ctx.config)["metadata_items"]
    if len(metadata) > allowed >= 0:
        raise OverQuota(f"Image metadata limit exceeded: at most {allowed} items.")


def _plan(ctx: Context, server: Server, name: str, properties: dict[str, str]) -> ServerSnapshot:
    return ServerSnapshot(
        server.id,
        new_id(),
        name,
        server.project_id,
        _properties(ctx, server, properties),
        server.flavor.root_gb or (server.image.min_disk_gb if server.image else 0),
        server.image.min_memory_mb if server.image else 0,
    )


def _begin(ctx: Context, wanted: ServerSnapshot, operation: states.Operation) -> str:
    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, wanted.server_id, operation)
        states.host_of(present)
        tasks.start(tx, jobs.SNAPSHOT, wanted, resource=jobs.of(wanted.server_id), ctx=ctx)

    ctx.db.run(write)
    ensure_image(ctx, wanted)
    return wanted.image_id


def ensure_image(ctx: Context, wanted: ServerSnapshot) -> None:
    """Add the empty image.  May run twice."""
    image.create(
        ctx.as_service(),
        id=wanted.image_id,
        name=wanted.name,
        owner=wanted.owner,
        disk_format="qcow2",
        container_format="bare",
        min_disk=wanted.min_disk_gb,
        min_ram=wanted.min_memory_mb,
        properties=wanted.properties,
    )


def _properties(ctx: Context, server: Server, own: dict[str, str]) -> dict[str, str]:
    inherited = {}
    if server.image is not None:
        inherited = {key: value for key, value in server.image.properties.items() if key not in NOT_INHERITED}
    return {
        **inherited,
        **own,
        "instance_uuid": server.id,
        "user_id": ctx.user_id,
        "base_image_ref": server.image_id or "",
        "boot_roles": ",".join(ctx.roles),
    }


def rotate(ctx: Context, series: BackupRotation) -> None:
    """Delete the backups of a series beyond the newest few.  May run twice.

    One that may not be deleted (somebody protected it) stays, and is tried again after the next backup.
    """
    for number, found in enumerate(_newest_first(ctx, series), start=1):
        if number > series.keep:
            try:
                image.delete(ctx.as_service(), found.id)
            except errors.Forbidden as error:
                log.warning("backup %s is not deleted: %s", found.id, error.message)


def _newest_first(ctx: Context, series: BackupRotation) -> Iterator[image.Image]:
    query: dict[str, Any] = {
        "image_type": "backup",
        "backup_type": series.backup_type,
        "instance_uuid": series.server_id,
        "owner": series.owner,
        "sort": "created_at:desc,id:desc",
        "limit": PAGE,
    }
    found = image.index(ctx.as_service(), query)
    while found:
        # The next page is asked for before this one is given away: its marker may be deleted meanwhile.
        full = len(found) == PAGE
        following = image.index(ctx.as_service(), {**query, "marker": found[-1].id}) if full else []
        yield from found
        found = following
