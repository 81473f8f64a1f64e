"""Forget connections that are under way, so that a withdrawn permission ends them at once."""

import ipaddress
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces

log = logging.getLogger(__name__)

PROGRAM = "conntrack"


@dataclass(frozen=True)
class Flows:
    """Which connections: those in a zone whose first packet went from `source` to `destination`.

    `reply_destination` is where answers go, which tells connections by the address they were translated to.
    Without any address it is all of the zone, of `version` 4 or 6.
    """

    zone: int | None = None
    source: str = ""
    destination: str = ""
    reply_destination: str = ""
    protocol: int | None = None
    version: int = 4

    @property
    def family(self) -> str:
        address = self.source or self.destination or self.reply_destination
        version = ipaddress.ip_address(address).version if address else self.version
        return f"ipv{version}"


def installed() -> bool:
    return shutil.which(PROGRAM) is not None


def forget(namespace: str, flows: Iterable[Flows]) -> None:
    """Forget these connections.  Finding none is no error, and neither is a machine without the program."""
    if not installed():
        return
    for flow in dict.fromkeys(flows):
        arguments = [PROGRAM, "-D", "-f", flow.family]
        if flow.zone is not None:
            arguments += ["--zone", str(flow.zone)]
        if flow.protocol is not None:
            arguments += ["-p", str(flow.protocol)]
        for option, value in (("-s", flow.source), ("-d", flow.destination), ("-q", flow.reply_destination)):
            if value:
                arguments += [option, value]
        try:
            namespaces.command(arguments, inside=namespace)
        except DriverError as error:
            if "0 flow entries" not in error.message:
                log.warning("connections could not be forgotten: %s", error.message)
