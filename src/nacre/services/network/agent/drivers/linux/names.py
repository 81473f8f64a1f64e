"""How things of the data plane are called, so that whoever looks can tell what belongs to what.

Linux takes 15 characters for an interface; so interfaces carry the first 11 of an id in their name
and the whole id in their alias, which is where it is read back from.
"""

import re

from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.rpc import tap_name

__all__ = [
    "bridge", "checked_id", "checked_namespace", "dhcp_leg", "dhcp_namespace", "gateway_leg", "hexadecimal",
    "id_from_hexadecimal", "machine_leg", "machine_leg_inside", "owned_namespaces", "probe_namespace",
    "router_leg", "router_namespace", "tap_name", "vlan", "vxlan",
]  # fmt: skip

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def checked_id(row_id: str) -> str:
    """Return the id if it is a UUID: nothing else ever becomes part of a name, a path or a rule."""
    if not _UUID.fullmatch(row_id):
        raise DriverError(f"{row_id!r} is not an id")
    return row_id


def checked_namespace(name: str) -> str:
    """Return the name if it is fit for a network namespace."""
    if not _NAMESPACE.fullmatch(name):
        raise DriverError(f"{name!r} cannot be the name of a network namespace")
    return name


def hexadecimal(row_id: str) -> str:
    """Spell an id without dashes, as part of the names of nftables' chains and sets."""
    return checked_id(row_id).replace("-", "")


def id_from_hexadecimal(text: str) -> str:
    """Undo `hexadecimal`."""
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def router_namespace(namespace: str, router_id: str) -> str:
    return f"{namespace}-r-{checked_id(router_id)}"


def dhcp_namespace(namespace: str, network_id: str) -> str:
    return f"{namespace}-d-{checked_id(network_id)}"


def probe_namespace(namespace: str) -> str:
    return f"{namespace}-probe"


def owned_namespaces(namespace: str, present: list[str]) -> list[tuple[str, str, str]]:
    """Pick (name, "r" or "d", id) of the routers and DHCP servers of this data plane."""
    pattern = re.compile(rf"{re.escape(namespace)}-([rd])-({_UUID.pattern})")
    matches = (pattern.fullmatch(name) for name in present)
    return [(match[0], match[1], match[2]) for match in matches if match]


def bridge(network_id: str) -> str:
    return "br-" + checked_id(network_id)[:11]


def vxlan(segmentation_id: int) -> str:
    return f"vx-{segmentation_id}"


def vlan(network_id: str) -> str:
    return "vl-" + checked_id(network_id)[:11]


def machine_leg(network_id: str) -> str:
    """Name the machine's end of the veth pair to an external network."""
    return "nx-" + checked_id(network_id)[:11]


def machine_leg_inside(network_id: str) -> str:
    """Name its other end, on the bridge."""
    return "ny-" + checked_id(network_id)[:11]


def router_leg(port_id: str) -> str:
    return "qr-" + checked_id(port_id)[:11]


def gateway_leg(port_id: str) -> str:
    return "qg-" + checked_id(port_id)[:11]


def dhcp_leg(port_id: str) -> str:
    return "qd-" + checked_id(port_id)[:11]
