"""Write a cpio archive in the form that the kernel unpacks as its first file system ("newc").

Everything in it belongs to root, whoever builds it, and the same tree always gives the same bytes.
The format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
"""

import gzip
import os
import stat
from pathlib import Path

ALIGNMENT = 4
TRAILER = "TRAILER!!!"


def pack(tree: Path) -> bytes:
    """Return `tree` as a compressed archive."""
    entries = []
    for number, path in enumerate(sorted(tree.rglob("*")), start=1):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            content = os.readlink(path).encode()
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        else:
            content = b""
        entries.append(_entry(path.relative_to(tree).as_posix(), content, mode, number))
    entries.append(_entry(TRAILER, b"", 0, 0))
    return gzip.compress(b"".join(entries), compresslevel=9, mtime=0)


def _entry(name: str, content: bytes, mode: int, inode: int) -> bytes:
    owner = group = modified_at = 0
    fields = (
        *(inode, mode, owner, group, 1, modified_at, len(content)),
        *(0, 0, 0, 0),  # the devices it is on and stands for
        *(len(name) + 1, 0),
    )
    header = "070701" + "".join(f"{field:08x}" for field in fields) + name + "\0"
    return _aligned(header.encode()) + _aligned(content)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
