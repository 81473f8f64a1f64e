"""The disks of a new server: what may be said of them, and what this cloud makes of it.

A server boots from an image onto a disk of its host.  Disks that are volumes need the block storage
service; a request for one is refused in so many words.
"""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.wire import UUID, Bool, Each, Enum, Int, Nullable, Object, Str
from nacre.kernel.wire import Any as Anything
from nacre.services.compute.api.checks import TAG

OLD = Each(Object({}, unknown=Anything()))
NEW = Each(
    Object(
        {
            "boot_index": Nullable(Int(None)),
            "uuid": UUID,
            "source_type": Enum("volume", "image", "snapshot", "blank"),
            "destination_type": Enum("local", "volume"),
            "volume_size": Nullable(Int(1)),
            "delete_on_termination": Bool(),
            "guest_format": Str(0, 255),
            "device_type": Str(0, 255),
            "disk_bus": Str(0, 255),
            "device_name": Str(0, 255),
            "no_device": Anything(),
            "tag": TAG,
            "volume_type": Nullable(Str(0, 255)),
        }
    )
)
NO_VOLUMES = (
    "Block Device Mapping is Invalid: this cloud boots servers from an image onto a disk of their host; "
    "volumes cannot be attached when a server is created."
)


def image_of(image_id: str | None, body: dict[str, Any]) -> str | None:
    """Return the image that a new server boots from; raises BadRequest for disks that cannot be had."""
    disks = body.pop("disks", None) or []
    if body.pop("old_disks", None):
        raise BadRequest(NO_VOLUMES)
    for disk in disks:
        local_image = disk.get("source_type") == "image" and disk.get("destination_type", "local") == "local"
        if not local_image or disk.get("boot_index") != 0 or len(disks) > 1:
            raise BadRequest(NO_VOLUMES)
        if image_id is not None and disk.get("uuid") != image_id:
            raise BadRequest(
                "Block Device Mapping is Invalid: the boot disk is made of another image than imageRef."
            )
        image_id = disk.get("uuid")
    return image_id
