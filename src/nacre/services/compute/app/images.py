"""The images of servers: what must be right before a server is made of one, and where its bytes come from."""

from __future__ import annotations

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.services.compute import rpc
from nacre.services.compute.db.tables import FlavorCopy, ImageCopy
from nacre.services.compute.errors import ImageNotUsable
from nacre.services.image import client as image

GIBIBYTE = 1024**3
KERNEL, RAMDISK = "kernel_id", "ramdisk_id"
NIC_MODEL = "hw_vif_model"
OTHER_NAMES = {"virtuale1000": "e1000", "virtuale1000e": "e1000e"}


def for_server(ctx: Context, image_id: str, flavor: FlavorCopy) -> ImageCopy:
    """Return the copy of an image that a server keeps; raises ImageNotUsable."""
    copy = find(ctx, image_id)
    nic_model(copy)
    if copy.min_memory_mb > flavor.memory_mb:
        raise ImageNotUsable("Flavor's memory is too small for requested image.")
    if flavor.root_gb:
        if copy.size_bytes > flavor.root_gb * GIBIBYTE:
            raise ImageNotUsable(
                "Flavor's disk is too small for requested image. Flavor disk is "
                f"{flavor.root_gb * GIBIBYTE} bytes, image is {copy.size_bytes} bytes."
            )
        if copy.min_disk_gb > flavor.root_gb:
            raise ImageNotUsable(
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
                f"{flavor.root_gb * GIBIBYTE} bytes, minimum size is {copy.min_disk_gb * GIBIBYTE} bytes."
            )
    return copy


def nic_model(copy: ImageCopy | None) -> str:
    """Return the model of network card that an image wants; raises ImageNotUsable for one that nobody has.

    compat: any case, and VMware's names for two of them, as nova takes them (nova/objects/fields.py, VIFModel).
    """
    wanted = (copy.properties.get(NIC_MODEL) if copy else None) or rpc.NIC_MODELS[0]
    model = OTHER_NAMES.get(wanted.lower(), wanted.lower())
    if model not in rpc.NIC_MODELS:
        raise ImageNotUsable(
            f"Image property {NIC_MODEL}: {wanted!r} is not one of {', '.join(rpc.NIC_MODELS)}."
        )
    return model


def find(ctx: Context, image_id: str) -> ImageCopy:
    """Return what there is to know of an active image that the caller may see; raises ImageNotUsable."""
    try:
        found = image.get(ctx, image_id)
    except errors.NotFound:
        raise ImageNotUsable(f"Image {image_id} could not be found.") from None
    if found.status != "active":
        raise ImageNotUsable(f"Image {image_id} is not active.")
    return ImageCopy(
        id=found.id,
        name=found.name or "",
        disk_format=found.disk_format or "raw",
        container_format=found.container_format or "bare",
        size_bytes=found.size or 0,
        hash_algorithm=found.os_hash_algo or "sha512",
        hash_value=found.os_hash_value,
        min_disk_gb=found.min_disk,
        min_memory_mb=found.min_ram,
        properties=dict(found.properties),
    )


def source(ctx: Context, copy: ImageCopy) -> rpc.ImageSource:
    """Return where an agent fetches an image, with a ticket for just that."""
    ticket = image.download_ticket(ctx, copy.id)
    return rpc.ImageSource(
        image_id=copy.id,
        download=rpc.Download(url=ticket.url, headers=dict(ticket.headers)),
        name=copy.name,
        disk_format=copy.disk_format,
        container_format=copy.container_format,
        size_bytes=copy.size_bytes,
        hash_algorithm=copy.hash_algorithm,
        hash_value=copy.hash_value,
        min_disk_gb=copy.min_disk_gb,
    )
