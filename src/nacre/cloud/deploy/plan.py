"""Which APIs a cloud of several machines has, and where each answers: read from the configuration alone.

Every control node serves every API, each on its usual port of the node's own address; clients know only the
one address in front, which is `[process] public_host`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from nacre.cloud.settings import Settings
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.config import Options as Section
from nacre.kernel.process import FRONT_PORT, ProcessOptions
from nacre.services import manifests


class DeploySection(Section, frozen=True, kw_only=True):
    """The section [deploy]: what only the tools for several machines must know."""

    control: tuple[str, ...] = ()
    """The addresses of the control nodes, on which their APIs listen."""
    certificate: str | None = None
    """File of certificate and key by which HAProxy speaks TLS; `[process] public_scheme` is then `https`."""
    ca: str | None = None
    """File of the authority that vouches for it, if clients' systems do not know that; credentials then name it."""
    stats: str = "127.0.0.1:8404"
    """Where HAProxy tells how its backends are, to `nacre deploy check` on the same machine."""


@dataclass(frozen=True)
class Endpoint:
    """One API behind the proxy.

    websocket   whether its connections may last for hours
    announced   whether the catalog has it
    """

    name: str
    port: int
    websocket: bool = False
    announced: bool = True


@dataclass(frozen=True)
class Plan:
    """Everything that is behind the one address in front."""

    front: str
    scheme: str
    control: tuple[str, ...]
    certificate: str | None
    stats: str
    ca: str | None
    endpoints: tuple[Endpoint, ...]

    def url(self, endpoint: Endpoint, address: str | None = None) -> str:
        """Return an API's root behind the proxy, or on one node."""
        host, scheme = (self.front, self.scheme) if address is None else (address, "http")
        return f"{scheme}://{bracketed(host)}:{endpoint.port}"


def read(settled: Settings, config: ConfigFile) -> Plan:
    """Return the plan; ConfigError says what is missing."""
    section = config.section("deploy", DeploySection)
    process = config.section("process", ProcessOptions)
    if not section.control:
        raise ConfigError("section [deploy]: control: name the addresses of the control nodes")
    if process.public_host is None:
        raise ConfigError("section [process]: public_host: name the address that clients use, HAProxy's")
    for address in section.control:
        _check_address(address)
    if section.certificate and process.public_scheme != "https":
        raise ConfigError('section [process]: public_scheme: it must be "https" with a [deploy] certificate')
    return Plan(
        front=process.public_host,
        scheme=process.public_scheme,
        control=section.control,
        certificate=section.certificate,
        stats=section.stats,
        ca=section.ca,
        endpoints=tuple(_endpoints(settled)),
    )


def bracketed(host: str) -> str:
    """Write an address as URLs and HAProxy want it."""
    return f"[{host}]" if ":" in host else host


def _endpoints(settled: Settings) -> Iterator[Endpoint]:
    for manifest in manifests():
        for api in manifest.apis:
            port = settled.ports.of(api.port)
            if port is None:
                yield Endpoint("front", settled.ports.front(FRONT_PORT), websocket=True)
                return
            yield Endpoint(api.name, port, api.websocket is not None, api.catalog is not None)


def _check_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ConfigError(f"section [deploy]: control: {address!r} is not an IP address") from None
