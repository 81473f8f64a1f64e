"""Images made of servers."""

from __future__ import annotations

from nacre.kernel import tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import OverQuota
from nacre.kernel.ids import new_id
from nacre.services.compute.app import jobs, limits, servers, states
from nacre.services.compute.app.jobs import ServerSnapshot
from nacre.services.compute.db.servers import Server
from nacre.services.image import client as image

NOT_INHERITED = frozenset(
    ("cache_in_nova", "bittorrent", "img_signature_hash_method", "img_signature",
     "img_signature_key_type", "img_signature_certificate_uuid", "block_device_mapping", "mappings")
)  # fmt: skip


def create(ctx: Context, server: Server, name: str, metadata: dict[str, str]) -> str:
    """Write down that an image is to be made of a server; return the new image's id.

    The image exists, empty, when this returns; its bytes follow.
    """
    allowed = limits.defaults(ctx.config)["metadata_items"]
    if len(metadata) > allowed >= 0:
        raise OverQuota(f"Image metadata limit exceeded: at most {allowed} items.")
    wanted = ServerSnapshot(
        server.id,
        new_id(),
        name,
        server.project_id,
        _properties(ctx, server, metadata),
        server.flavor.root_gb or (server.image.min_disk_gb if server.image else 0),
    )

    def write(tx: Transaction) -> None:
        present = servers.begin(tx, ctx, server.id, states.CREATE_IMAGE)
        states.host_of(present)
        tasks.start(tx, jobs.SNAPSHOT, wanted, resource=jobs.of(server.id), ctx=ctx)

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
        properties=wanted.properties,
    )


def _properties(ctx: Context, server: Server, metadata: dict[str, str]) -> dict[str, str]:
    inherited = {}
    if server.image is not None:
        inherited = {key: value for key, value in server.image.properties.items() if key not in NOT_INHERITED}
    return {
        **inherited,
        **metadata,
        "image_type": "snapshot",
        "instance_uuid": server.id,
        "user_id": ctx.user_id,
        "base_image_ref": server.image_id or "",
        "boot_roles": ",".join(ctx.roles),
    }
