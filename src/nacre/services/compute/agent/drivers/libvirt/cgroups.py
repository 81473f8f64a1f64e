"""Clear away control groups of guests that are gone.

libvirt removes a guest's control groups when the guest ends.  When guest and libvirtd die together nobody
does, and each such guest would leave a dozen empty directories until the machine is restarted.
"""

import contextlib
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")

#: Version 1 has a tree for each controller, version 2 has one for all.
PLACES = ("machine", "*/machine")


def clear(domain_name: str) -> None:
    """Remove the empty control groups of a domain; one with processes in it stays."""
    for place in PLACES:
        for group in ROOT.glob(f"{place}/qemu-*-{domain_name}.libvirt-qemu"):
            inner = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
            for directory in (*inner, group):
                with contextlib.suppress(OSError):
                    directory.rmdir()
