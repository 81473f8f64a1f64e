"""Private networks that nobody on this machine uses: found, and taken for as long as this process lives."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from collections.abc import Iterable

import msgspec


def take(candidates: Iterable[str]) -> str | None:
    """Return the first network that this machine has no route to and no other process has; None without one."""
    taken = _routed()
    for candidate in candidates:
        network = ipaddress.ip_network(candidate)
        if not any(network.overlaps(other) for other in taken) and _claim(candidate):
            return candidate
    return None


def _claim(cidr: str) -> bool:
    """Take a network for this process's life, in which its route is made; False if another cloud has it.

    Clouds that start at the same time on the same machine would choose the same one.  The claim is a name of
    a socket: only one process at a time can have it, and it is gone with the process.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0nacre external network {cidr}")
    except OSError:
        claim.close()
        return False
    claim.detach()
    return True


def _routed() -> list[ipaddress.IPv4Network]:
    """Return what this machine has routes to, the default route aside."""
    listed = subprocess.run(["ip", "-j", "-4", "route"], capture_output=True, check=False).stdout
    found = []
    for route in msgspec.json.decode(listed or b"[]"):
        destination = route.get("dst", "default")
        if destination != "default":
            found.append(ipaddress.IPv4Network(destination, strict=False))
    return found
