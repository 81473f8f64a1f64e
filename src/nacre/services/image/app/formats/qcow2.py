"""QEMU's own formats: qcow2, and its relatives that are recognised only to be refused.

Layout: "QEMU, qcow2" (docs/interop/qcow2.txt of QEMU), numbers big-endian.
"""

from __future__ import annotations

from nacre.services.image.app.formats.findings import HEAD_BYTES, LARGEST_DISK, Finding, number

MAGIC = b"QFI\xfb"
QED_MAGIC = b"QED\0"
V2_HEADER, V3_HEADER = 72, 104
EXTERNAL_DATA = 1 << 2
#: Dirty, corrupt, external data file, compression type, extended L2 entries.
KNOWN_INCOMPATIBLE = 0b11111
END, DATA_FILE_NAME = 0, 0x44415441


def probe(head: bytes) -> Finding | None:
    """Recognise the qcow family."""
    if head.startswith(QED_MAGIC):
        return Finding("qed", danger="the format is not supported")
    if not head.startswith(MAGIC):
        return None
    version = number(head, 4, 4, big=True)
    if version not in (2, 3):
        return Finding("qcow2", danger=f"version {version} of the format is not supported")
    size = number(head, 24, 8, big=True)
    return Finding("qcow2", size if size <= LARGEST_DISK else None, _danger(head, version))


def _danger(head: bytes, version: int) -> str | None:
    if len(head) < (V2_HEADER if version == 2 else V3_HEADER):
        return "its header is cut off"
    if number(head, 8, 8, big=True):
        return "it has a backing file"
    if not 9 <= number(head, 20, 4, big=True) <= 21:
        return "its cluster size is out of range"
    if number(head, 24, 8, big=True) > LARGEST_DISK:
        return "its virtual size is out of range"
    length = V2_HEADER
    if version == 3:
        features = number(head, 72, 8, big=True)
        if features & EXTERNAL_DATA:
            return "its data is in an external file"
        if features & ~KNOWN_INCOMPATIBLE:
            return "it uses features that are not known"
        length = number(head, 100, 4, big=True)
        if length < V3_HEADER or length % 8:
            return "its header length is wrong"
    return _danger_in_extensions(head, length, 1 << number(head, 20, 4, big=True))


def _danger_in_extensions(head: bytes, offset: int, cluster: int) -> str | None:
    """Walk the header extensions, which fill the first cluster at most; all of them must be in sight."""
    while offset + 8 <= cluster:
        if offset + 8 > len(head):
            return "its header extensions are too long" if len(head) >= HEAD_BYTES else None
        kind, length = number(head, offset, 4, big=True), number(head, offset + 4, 4, big=True)
        if kind == END:
            return None
        if kind == DATA_FILE_NAME:
            return "it names an external data file"
        offset += 8 + (length + 7) // 8 * 8
    return "its header is too long" if offset > cluster else None
