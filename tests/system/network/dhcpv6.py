"""Just enough of a DHCPv6 client (RFC 8415) to ask a server what it would give."""

import errno
import ipaddress
import socket
import struct
import time

SOLICIT, ADVERTISE, INFORMATION_REQUEST, REPLY = 1, 2, 11, 7
LINK_SECONDS = 10.0
CLIENT_ID, IA_NA, ADDRESS, REQUESTED, DNS_SERVERS = 1, 3, 5, 6, 23


def ask(mac: str, kind: int = SOLICIT) -> dict[str, list[str]]:
    """Send one question on eth0 of the namespace in which we are; return addresses and DNS servers."""
    message = struct.pack("!B3s", kind, b"\x01\x02\x03")
    message += _option(CLIENT_ID, struct.pack("!HH", 3, 1) + bytes.fromhex(mac.replace(":", "")))
    message += _option(REQUESTED, struct.pack("!H", DNS_SERVERS))
    if kind == SOLICIT:
        message += _option(IA_NA, struct.pack("!III", 1, 0, 0))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.bind(("::", 546))
        _send(client, message)
        try:
            answer = client.recv(4096)
        except TimeoutError:
            return {}
    found: dict[str, list[str]] = {"addresses": [], "dns": []}
    _read(answer[4:], found)
    return found


def _send(client: socket.socket, message: bytes) -> None:
    """Send as soon as the interface has its address of the link, which takes a moment after it is up."""
    deadline = time.monotonic() + LINK_SECONDS
    while True:
        try:
            client.sendto(message, ("ff02::1:2", 547, 0, socket.if_nametoindex("eth0")))
        except OSError as error:
            if error.errno not in (errno.ENETUNREACH, errno.EADDRNOTAVAIL) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def _read(data: bytes, found: dict[str, list[str]]) -> None:
    while data:
        code, length = struct.unpack("!HH", data[:4])
        value, data = data[4 : 4 + length], data[4 + length :]
        if code == IA_NA:
            _read(value[12:], found)
        elif code == ADDRESS:
            found["addresses"].append(str(ipaddress.IPv6Address(value[:16])))
        elif code == DNS_SERVERS:
            servers = (value[i : i + 16] for i in range(0, length, 16))
            found["dns"] += [str(ipaddress.IPv6Address(server)) for server in servers]
