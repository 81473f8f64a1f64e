"""Formats that are judged by a few bytes of their header, and some that are known only to be refused."""

from __future__ import annotations

from nacre.services.image.app.formats.findings import LARGEST_DISK, Finding, Inquiry, Part, number

SECTOR = 512

VDI_SIGNATURE = 0xBEDA107F
VDI_DYNAMIC, VDI_STATIC = 1, 2
VDI_HEADER = 0x1C8
VDI_RELATIVES = slice(0x1A8, 0x1C8)

ISO_DESCRIPTORS = 32 * 1024
ISO_IDENTIFIER = b"CD001"

LUKS_MAGIC = b"LUKS\xba\xbe"

PLOOP_MAGICS = (b"WithoutFreeSpace", b"WithouFreSpacExt")

#: Other formats that programs would recognise on their own if they were asked to guess.
FOREIGN = {
    b"Bochs Virtual HD Image": "bochs",
    b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop": "cloop",
}
DMG_TRAILER, DMG_TRAILER_BYTES = b"koly", 512


def vdi(head: bytes) -> Finding | None:
    """Recognise a disk of VirtualBox; those that build on another disk are refused."""
    if number(head, 64, 4) != VDI_SIGNATURE:
        return None
    if len(head) < VDI_HEADER:
        return Finding("vdi", danger="its header is cut off")
    kind, size = number(head, 76, 4), number(head, 0x170, 8)
    if kind not in (VDI_DYNAMIC, VDI_STATIC):
        return Finding("vdi", danger="it has a parent")
    if any(head[VDI_RELATIVES]):
        return Finding("vdi", danger="it is linked to other disks")
    if size > LARGEST_DISK:
        return Finding("vdi", danger="its virtual size is out of range")
    return Finding("vdi", size)


def iso(head: bytes) -> Finding | None:
    """Recognise a CD by its first volume descriptor; what is before that may be anything (a boot sector)."""
    descriptor = head[ISO_DESCRIPTORS : ISO_DESCRIPTORS + 8]
    return Finding("iso") if descriptor[1:6] == ISO_IDENTIFIER else None


def luks(head: bytes) -> Finding | None:
    """Recognise an encrypted volume."""
    return Finding("luks") if head.startswith(LUKS_MAGIC) else None


def ploop(head: bytes) -> Finding | None:
    """Recognise a disk of Virtuozzo (and Parallels)."""
    if not head.startswith(PLOOP_MAGICS):
        return None
    if len(head) < 64:
        return Finding("ploop", danger="its header is cut off")
    size = number(head, 36, 8) * SECTOR
    return (
        Finding("ploop", size)
        if size <= LARGEST_DISK
        else Finding("ploop", danger="its size is out of range")
    )


def foreign(head: bytes) -> Inquiry:
    """Recognise formats that are never accepted, so that none of them passes for plain bytes."""
    for magic, name in FOREIGN.items():
        if head.startswith(magic):
            return Finding(name, danger="the format is not supported")
    trailer = yield Part(-DMG_TRAILER_BYTES, DMG_TRAILER_BYTES)
    if trailer.startswith(DMG_TRAILER) and number(trailer, 4, 4, big=True) == 4:
        return Finding("dmg", danger="the format is not supported")
    return None
