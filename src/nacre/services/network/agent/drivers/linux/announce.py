"""Tell a network that an address lives here now (gratuitous ARP), so that nobody waits for a stale entry."""

import ipaddress
import socket
import struct
from collections.abc import Iterable

from nacre.services.network.agent.drivers.linux import namespaces

ETH_P_ARP = 0x0806
BROADCAST = b"\xff" * 6
REQUEST, REPLY = 1, 2


def announce(namespace: str, device: str, mac: str, addresses: Iterable[str]) -> None:
    """Send two gratuitous ARP packets (request and reply, as hosts differ in which they heed) per address."""
    four = [address for address in addresses if ipaddress.ip_address(address).version == 4]
    if four:
        namespaces.run_in(namespace, _send, device, mac, four)


def frame(mac: str, address: str, operation: int) -> bytes:
    """Return an Ethernet frame that claims an address (RFC 5227, section 3)."""
    hardware, protocol = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    arp += hardware + protocol + (BROADCAST if operation == REPLY else bytes(6)) + protocol
    return BROADCAST + hardware + struct.pack("!H", ETH_P_ARP) + arp


def _send(device: str, mac: str, addresses: list[str]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as wire:
        wire.bind((device, 0))
        for address in addresses:
            for operation in (REQUEST, REPLY):
                wire.send(frame(mac, address, operation))
