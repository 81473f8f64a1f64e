"""The spec of a server: everything its host must know, made of rows alone, so it can be made again at any
time.
"""

from __future__ import annotations

from nacre.kernel.context import Context
from nacre.services.compute import rpc
from nacre.services.compute.app import images, metadata
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import ImageCopy

YES = frozenset(("true", "yes", "1", "on"))


def build(ctx: Context, server_id: str) -> rpc.ServerSpec:
    """Return a server's spec as its rows have it now; raises ServerNotFound."""
    guest = metadata.guest(ctx, server_id)
    server = guest.server
    image = server.image
    return rpc.ServerSpec(
        id=server.id,
        name=server.name,
        hostname=server.hostname,
        owner=rpc.Owner(project_id=server.project_id, user_id=server.user_id),
        revision=server.revision,
        power=server.power,
        flavor_name=server.flavor.name,
        vcpus=server.flavor.vcpus,
        memory_mb=server.flavor.memory_mb,
        root_gb=server.flavor.root_gb,
        ephemeral_gb=server.flavor.ephemeral_gb,
        swap_mb=server.flavor.swap_mb,
        image=images.source(ctx, image) if image else None,
        image_name=image.name if image else "",
        kernel=_part(ctx, image, images.KERNEL),
        ramdisk=_part(ctx, image, images.RAMDISK),
        root_generation=server.root_generation,
        rescue=images.source(ctx, server.rescue_image) if server.rescue_image else None,
        nics=tuple(nic_spec(server, nic) for nic in guest.nics),
        config_drive=metadata.config_drive(guest) if server.config_drive else None,
        hardware=hardware(server),
        created_at=server.created_at,
    )


def _part(ctx: Context, image: ImageCopy | None, name: str) -> rpc.ImageSource | None:
    """Return the kernel or ramdisk that an image names."""
    part_id = image.properties.get(name) if image else None
    return images.source(ctx, images.find(ctx.as_service(), part_id)) if part_id else None


def nic_spec(server: Server, nic: Nic) -> rpc.NicSpec:
    """Return one network card as the host must know it."""
    return rpc.NicSpec(
        port_id=nic.port_id,
        tap_device=nic.tap_device or f"tap{nic.port_id[:11]}",
        mac_address=nic.mac_address,
        mtu=nic.mtu,
        model=images.nic_model(server.image),
    )


def hardware(server: Server) -> rpc.Hardware:
    """Return the wishes of image and flavor about the machine; the flavor's come first."""
    properties = server.image.properties if server.image else {}
    specs = server.flavor.extra_specs

    def wish(name: str, spec: str | None = None) -> str | None:
        return (specs.get(spec) if spec else None) or properties.get(name)

    def number(name: str, spec: str) -> int | None:
        text = wish(name, spec)
        return int(text) if text and text.isdigit() else None

    ports = number("hw_serial_port_count", "hw:serial_port_count")
    return rpc.Hardware(
        machine_type=wish("hw_machine_type"),
        firmware=wish("hw_firmware_type"),
        disk_bus=wish("hw_disk_bus"),
        cdrom_bus=wish("hw_cdrom_bus"),
        video_model=wish("hw_video_model"),
        rng=(specs.get("hw_rng:allowed", "true").lower() in YES),
        guest_agent=(properties.get("hw_qemu_guest_agent", "yes").lower() in YES),
        serial_ports=ports or 1,
        cpu_sockets=number("hw_cpu_sockets", "hw:cpu_sockets"),
        cpu_cores=number("hw_cpu_cores", "hw:cpu_cores"),
        cpu_threads=number("hw_cpu_threads", "hw:cpu_threads"),
        kernel_arguments=properties.get("os_command_line"),
        extra={**properties, **specs},
    )
