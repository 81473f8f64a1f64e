"""Microsoft's newer disks: what a VHDX is stands in a table of metadata, somewhere in the file.

Layout: [MS-VHDX], numbers little-endian.  The region table, at 192 KiB, says where the metadata is; its items
are the virtual size, whether there is a parent, and where that would be.
"""

from __future__ import annotations

from uuid import UUID

from nacre.services.image.app.formats.findings import (
    LARGEST_DISK,
    LARGEST_PART,
    Finding,
    Inquiry,
    Part,
    number,
)

MAGIC = b"vhdxfile"
KIB = 1024
REGION_TABLE, REGION_BYTES = 192 * KIB, 64 * KIB
METADATA_BYTES = 64 * KIB
MOST_ENTRIES = 2047
METADATA_REGION = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
VIRTUAL_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").bytes_le
HAS_PARENT = 0b10


def probe(head: bytes) -> Inquiry | None:
    """Recognise a VHDX."""
    return _vhdx() if head.startswith(MAGIC) else None


def _refused(danger: str) -> Finding:
    return Finding("vhdx", danger=danger)


def _vhdx() -> Inquiry:
    regions = yield Part(REGION_TABLE, REGION_BYTES)
    if not regions.startswith(b"regi") or number(regions, 8, 4) > MOST_ENTRIES:
        return _refused("its region table is missing")
    places = [
        number(regions, at + 16, 8)
        for at in range(16, 16 + 32 * number(regions, 8, 4), 32)
        if regions[at : at + 16] == METADATA_REGION
    ]
    if len(places) != 1:
        return _refused("its metadata is missing")
    (place,) = places
    table = yield Part(place, METADATA_BYTES)
    if not table.startswith(b"metadata") or number(table, 10, 2) > MOST_ENTRIES:
        return _refused("its metadata is missing")
    items: dict[bytes, tuple[int, int]] = {}
    for at in range(32, 32 + 32 * number(table, 10, 2), 32):
        items[table[at : at + 16]] = (number(table, at + 16, 4), number(table, at + 20, 4))
    if PARENT_LOCATOR in items:
        return _refused("it has a parent")
    if FILE_PARAMETERS not in items or VIRTUAL_SIZE not in items:
        return _refused("its metadata is incomplete")
    return (yield from _judge(place, items[FILE_PARAMETERS][0], items[VIRTUAL_SIZE][0]))


def _judge(place: int, parameters_at: int, size_at: int) -> Inquiry:
    """Read two items, which stand close together behind the table."""
    first = min(parameters_at, size_at)
    length = max(parameters_at, size_at) + 8 - first
    if first < METADATA_BYTES or length > LARGEST_PART:
        return _refused("its metadata is out of place")
    data = yield Part(place + first, length)
    if len(data) < length:
        return _refused("its metadata is cut off")
    if number(data, parameters_at - first + 4, 4) & HAS_PARENT:
        return _refused("it has a parent")
    size = number(data, size_at - first, 8)
    if size > LARGEST_DISK:
        return _refused("its virtual size is out of range")
    return Finding("vhdx", size)
