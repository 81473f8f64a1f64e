"""A compute driver that runs real guests: QEMU, under a libvirt of nacre's own.

Read `driver` first, then `domains` (what a guest is given), `disks` (where its bytes are), `private` (the
daemons) and ``docs/decisions/libvirt-of-its-own.md`` (why they are private).  libvirt-python is imported
only here.
"""

from nacre.services.compute.agent.drivers.libvirt.driver import LibvirtDriver
from nacre.services.compute.agent.drivers.libvirt.options import LibvirtOptions

__all__ = ["LibvirtDriver", "LibvirtOptions"]
