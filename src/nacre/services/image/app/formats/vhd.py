"""Microsoft's older disks (VHD, "vpc" to QEMU): dynamic ones begin with a footer, all end with one.

Layout: "Virtual Hard Disk Image Format Specification" (Microsoft, 2006), numbers big-endian.
"""

from __future__ import annotations

from nacre.services.image.app.formats.findings import LARGEST_DISK, Finding, Inquiry, Part, number

MAGIC = b"conectix"
FOOTER_BYTES = 512
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4


def probe(head: bytes) -> Finding | Inquiry:
    """Recognise a VHD by its first bytes or, where those are plain data, by its last."""
    return _judge(head[:FOOTER_BYTES]) if head.startswith(MAGIC) else _fixed()


def _fixed() -> Inquiry:
    footer = yield Part(-FOOTER_BYTES, FOOTER_BYTES)
    if footer.startswith(MAGIC) and _is_sound(footer):
        return _judge(footer)
    return None


def _judge(footer: bytes) -> Finding:
    size, kind = number(footer, 48, 8, big=True), number(footer, 60, 4, big=True)
    danger = None
    if len(footer) < FOOTER_BYTES:
        danger = "its header is cut off"
    elif kind == DIFFERENCING:
        danger = "it has a parent"
    elif kind not in (FIXED, DYNAMIC):
        danger = f"disks of type {kind} are not supported"
    elif size > LARGEST_DISK:
        danger = "its virtual size is out of range"
    return Finding("vhd", size if size <= LARGEST_DISK else None, danger)


def _is_sound(footer: bytes) -> bool:
    """Tell whether a footer's checksum is right, for data may end in the same word by chance."""
    total = sum(footer) - sum(footer[64:68])
    return (~total & 0xFFFFFFFF) == number(footer, 64, 4, big=True)
