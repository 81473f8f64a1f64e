"""Hardware addresses, and the IPv6 addresses that follow from them."""

import secrets
from ipaddress import IPv6Address, IPv6Network


def generate(prefix: str) -> str:
    """Return a random hardware address that begins as the operator wants."""
    given = prefix.split(":")
    rest = (f"{secrets.randbelow(256):02x}" for _ in range(6 - len(given)))
    return ":".join((*given, *rest))


def eui64(cidr: str, mac: str) -> str:
    """Return the address that a guest gives itself on a SLAAC subnet (RFC 4291, appendix A)."""
    octets = [int(octet, 16) for octet in mac.split(":")]
    octets[0] ^= 0x02
    identifier = int.from_bytes(bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]]), "big")
    return str(IPv6Address(int(IPv6Network(cidr).network_address) + identifier))
