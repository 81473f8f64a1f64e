"""The disks of simulated servers: empty, but true to their format, so that whoever looks into a copy believes it.

Layout of qcow2: "QEMU, qcow2" (docs/interop/qcow2.txt of QEMU), numbers big-endian.  Its clusters here are, in
order: header, table of reference counts, one block of them, and the table that says that no data is there.
"""

import os
import struct
from pathlib import Path

GIB = 1 << 30
CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
BYTES_PER_L1_ENTRY = CLUSTER * (CLUSTER // 8)
REFCOUNT_TABLE, REFCOUNT_BLOCK, L1_TABLE = CLUSTER, 2 * CLUSTER, 3 * CLUSTER
BOOT_SIGNATURE_AT, BOOT_SIGNATURE = 510, b"\x55\xaa"


def write(path: Path, disk_format: str, size_gb: int) -> None:
    """Write an empty disk, "qcow2" or "raw"; it takes next to no room whatever its size."""
    size = max(size_gb, 1) * GIB
    with path.open("wb") as file:
        if disk_format == "qcow2":
            _write_qcow2(file.fileno(), size)
        else:
            file.truncate(size)
            file.seek(BOOT_SIGNATURE_AT)
            file.write(BOOT_SIGNATURE)


def _write_qcow2(file: int, size: int) -> None:
    l1_entries = -(-size // BYTES_PER_L1_ENTRY)
    l1_clusters = -(-l1_entries * 8 // CLUSTER)
    clusters = 3 + l1_clusters
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", 2,  # magic, version
        0, 0,  # no backing file
        CLUSTER_BITS, size,
        0,  # not encrypted
        l1_entries, L1_TABLE,
        REFCOUNT_TABLE, 1,
        0, 0,  # no internal snapshots
    )  # fmt: skip
    os.pwrite(file, header, 0)
    os.pwrite(file, struct.pack(">Q", REFCOUNT_BLOCK), REFCOUNT_TABLE)
    os.pwrite(file, struct.pack(">H", 1) * clusters, REFCOUNT_BLOCK)
    os.ftruncate(file, clusters * CLUSTER)
