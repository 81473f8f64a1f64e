"""VMware's disks: only those that are one file in themselves (monolithicSparse, streamOptimized).

A VMDK has a descriptor, a text that may name any number of other files as the disk's extents or parent.
Layout: "Virtual Disk Format 5.0" (VMware), numbers little-endian.  Programs differ in where they look for the
descriptor, so it must be where all of them do: in the second sector.
"""

from __future__ import annotations

import re

from nacre.services.image.app.formats.findings import LARGEST_DISK, Finding, Inquiry, Part, number

SPARSE_MAGIC, ESX_MAGIC, TEXT_MAGIC = b"KDMV", b"COWD", b"# Disk DescriptorFile"
SECTOR = 512
#: How much of the descriptor programs look at, however long the header says it is.
DESCRIPTOR_SECTORS = 20
GRAINS_AT_END = 2**64 - 1
FOOTER_BYTES, TAIL_BYTES = 3 * SECTOR, 4 * SECTOR
FOOTER_MARKER = 3
#: Fields of the header that a footer must repeat: magic, version, flags, sizes, the descriptor's place.
SAME_IN_FOOTER = slice(0, 48)
WHOLE = frozenset(("monolithicSparse", "streamOptimized"))
CREATE_TYPE = re.compile(r'^\s*createType\s*=\s*"?([^"\n]*?)"?\s*$', re.MULTILINE | re.IGNORECASE)
EXTENT = re.compile(r"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\S+)(.*)$", re.MULTILINE | re.IGNORECASE)


def probe(head: bytes) -> Finding | Inquiry | None:
    """Recognise a VMDK by its sparse header, or by a bare descriptor."""
    if head.startswith(ESX_MAGIC):
        return Finding("vmdk", danger="extents without a descriptor are not supported")
    if head[: 2 * SECTOR].lstrip().lower().startswith(TEXT_MAGIC.lower()):
        return Finding("vmdk", danger="its data is in other files")
    return _sparse(head) if head.startswith(SPARSE_MAGIC) else None


def _sparse(head: bytes) -> Inquiry:
    sectors = number(head, 12, 8)
    size = sectors * SECTOR
    danger = _danger(head)
    if danger is None and number(head, 56, 8) == GRAINS_AT_END:
        danger = _danger_in_footer(head, (yield Part(-TAIL_BYTES, TAIL_BYTES)))
    return Finding("vmdk", size if size <= LARGEST_DISK else None, danger)


def _danger(head: bytes) -> str | None:
    if len(head) < 2 * SECTOR:
        return "its header is cut off"
    if number(head, 4, 4) not in (1, 2, 3):
        return "its version is not known"
    if not 0 < number(head, 12, 8) * SECTOR <= LARGEST_DISK:
        return "its capacity is out of range"
    if number(head, 28, 8) != 1 or not 1 <= number(head, 36, 8) <= 128:
        return "its descriptor is not where it belongs"
    length = max(number(head, 36, 8), DESCRIPTOR_SECTORS) * SECTOR
    if number(head, 36, 8) * SECTOR + SECTOR > len(head):
        return "its descriptor is cut off"
    return _danger_in_descriptor(head[SECTOR : SECTOR + length])


def _danger_in_descriptor(data: bytes) -> str | None:
    """Judge the descriptor; words are looked for in what follows its end too, as programs do."""
    text = data.decode("latin-1")
    own = text.partition("\0")[0]
    if "parentfilenamehint" in text.lower():
        return "it has a parent"
    types = CREATE_TYPE.findall(own)
    if len(types) != 1 or types[0] not in WHOLE:
        return f"its type is {', '.join(types)[:60] or 'not stated'}, and only whole ones are accepted"
    extents = EXTENT.findall(own)
    if len(extents) > 1:
        return "it has several extents"
    for kind, rest in extents:
        if kind.upper() != "SPARSE" or "/" in rest or "\\" in rest:
            return "its data is in other files"
    return None


def _danger_in_footer(head: bytes, tail: bytes) -> str | None:
    """A stream's last sectors repeat the header, and programs believe the repetition.

    Programs round the file's end to sectors, each in its own way, so there must be just one.
    """
    footer = tail[-FOOTER_BYTES:]
    if len(tail) < TAIL_BYTES or number(footer, 8, 4) or number(footer, 12, 4) != FOOTER_MARKER:
        return "its footer is missing"
    repeated = footer[SECTOR : 2 * SECTOR]
    if repeated[SAME_IN_FOOTER] != head[SAME_IN_FOOTER] or tail.count(SPARSE_MAGIC) > 1:
        return "its footer contradicts its header"
    return None
