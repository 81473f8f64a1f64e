"""What is wrong with the files and cards of a host's servers: looked at once in a while, changing nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.libvirt.disks import Disks
from nacre.services.compute.agent.drivers.libvirt.images import fault_of

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def examine(
    disks: Disks, known: Collection[rpc.ServerSpec], defined: Collection[str], guests: Mapping[str, int]
) -> Iterator[rpc.Found]:
    """Yield what is wrong.

    `known` are the servers that the agent knows, `defined` the ids of those that libvirt has, `guests` the
    processes of those that run.
    """
    for spec in known:
        if spec.id in defined:
            yield from _of_files(disks, spec)
        if spec.id in guests:
            yield from _of_cards(spec, guests[spec.id])
    ours = {*defined, *(spec.id for spec in known)}
    for path in sorted(disks.directory.iterdir()):
        if _ID.fullmatch(path.name) and path.name not in ours:
            size = sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())
            text = f"{path} holds {size >> 20} MB, and there is no server. Healing removes it."
            yield rpc.Found(kind=rpc.Trouble.FILES_STRAY, server_id=path.name, text=text)


def _of_files(disks: Disks, spec: rpc.ServerSpec) -> Iterator[rpc.Found]:
    """Look whether a server's disk is there, and what it stands on."""
    files = disks.files(spec.id)
    made = files.made()
    if spec.image is None or made.root_generation == 0:
        return
    if not files.root.exists():
        text = f"Its disk {files.root} is gone. Rebuilding gives it a new one from its image."
        yield rpc.Found(kind=rpc.Trouble.DISK_MISSING, server_id=spec.id, text=text)
    elif made.base is not None and (fault := fault_of(Path(made.base))):
        text = f"The image below its disk, {made.base}, {fault}. Healing fetches the image again."
        yield rpc.Found(kind=rpc.Trouble.BASE_MISSING, server_id=spec.id, text=text)


def _of_cards(spec: rpc.ServerSpec, process: int) -> Iterator[rpc.Found]:
    """Look whether each card of a running guest still holds its device.

    A tap device that was deleted and made again has the old name, and is not the one that QEMU opened.
    """
    held = _devices_held(process)
    if held is None:
        return
    for nic in spec.nics:
        if nic.tap_device not in held:
            text = (
                f"Its card for port {nic.port_id} holds no device: {nic.tap_device} was taken from under it."
            )
            yield rpc.Found(kind=rpc.Trouble.CARD_UNPLUGGED, server_id=spec.id, text=text)


def _devices_held(process: int) -> set[str] | None:
    """Return the network devices that a process holds open; None when that cannot be seen."""
    held = set()
    try:
        descriptors = list(Path(f"/proc/{process}/fdinfo").iterdir())
    except OSError:  # it ended meanwhile
        return None
    for path in descriptors:
        with suppress(OSError):  # a descriptor that was closed
            for line in path.read_text().splitlines():
                if line.startswith("iff:"):
                    held.add(line.partition(":")[2].strip())
    return held
