"""Ports: /v2.0/ports."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import (
    BOOL,
    CREATE,
    FILTER,
    MAC,
    SHOW,
    SORT,
    TEXT,
    UPDATE,
    UUID,
    CheckFailed,
    Each,
    Enum,
    FreeMap,
    Int,
    Nullable,
    Object,
    Str,
    field,
)
from nacre.kernel.wire import Any as AnyValue
from nacre.services.network import policy
from nacre.services.network.api import rights, verbs
from nacre.services.network.api.checks import ADDRESS_OR_RANGE, FIXED_IPS, Tagged
from nacre.services.network.app import ports
from nacre.services.network.db.ports import Port as Row

PAIR = Object({"ip_address": ADDRESS_OR_RANGE, "mac_address": Nullable(MAC)}, required=("ip_address",))
CARD = Enum(
    "normal", "direct", "macvtap", "direct-physical", "baremetal", "virtio-forwarder", "smart-nic",
    "remote-managed", "accelerator-direct", "accelerator-direct-physical", "vdpa",
)  # fmt: skip
"""What sort of network card a port is for.  Hosts plug "normal" ones; others fail to bind."""


class DhcpOption:
    """An extra DHCP option; its IP version is 4 unless it says 6."""

    MEMBERS = Object(
        {
            "opt_name": Str(1, 64, pattern=r"[A-Za-z0-9:_-]+"),
            "opt_value": Nullable(Str(1, 255, pattern=r"[^\r\n]+")),
            "ip_version": Int(4, 6),
        },
        required=("opt_name",),
    )

    def __call__(self, value: Any) -> dict[str, Any]:
        option = {"opt_value": None, "ip_version": 4, **self.MEMBERS(value)}
        if option["ip_version"] == 5:
            raise CheckFailed("5 is no IP version", value=value)
        return option

    def schema(self) -> dict[str, Any]:
        return self.MEMBERS.schema()


class Pairs:
    """Allowed address pairs; a MAC address that is not named is left out."""

    EACH = Each(PAIR)

    def __call__(self, value: Any) -> list[dict[str, str]]:
        return [{name: part for name, part in pair.items() if part} for pair in self.EACH(value)]

    def schema(self) -> dict[str, Any]:
        return self.EACH.schema()


def _addresses(req: Request, port: Row) -> list[dict[str, str]]:
    return [{"subnet_id": ip.subnet_id, "ip_address": ip.ip_address} for ip in port.fixed_ips]


def _pairs(req: Request, port: Row) -> list[dict[str, str]]:
    """Show address pairs with the MAC address that holds: the port's own where none was named."""
    return [{"mac_address": port.mac_address, **pair} for pair in port.allowed_address_pairs]


def _dns(req: Request, port: Row) -> list[dict[str, str]]:
    """Return the names by which a guest's addresses are known inside its network."""
    domain = req.ctx.config.dns_domain.rstrip(".") + "."
    return [
        {
            "ip_address": ip.ip_address,
            "hostname": port.dns_name or f"host-{ip.ip_address.replace('.', '-').replace(':', '-')}",
            "fqdn": f"{port.dns_name or 'host-' + ip.ip_address.replace('.', '-').replace(':', '-')}.{domain}",
        }
        for ip in port.fixed_ips
    ]


class Port(Tagged):
    """A place to plug something into a network."""

    key, keys = "port", "ports"

    id = field(CREATE, SHOW, FILTER, SORT, check=UUID)
    name = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    network_id = field(CREATE, SHOW, FILTER, SORT, check=UUID, required=True)
    mac_address = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=MAC)
    admin_state_up = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=BOOL, default=True)
    status = field(SHOW, FILTER, SORT)
    device_id = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    device_owner = field(CREATE, UPDATE, SHOW, FILTER, SORT, check=TEXT, default="")
    fixed_ips = field(CREATE, UPDATE, SHOW, FILTER, check=FIXED_IPS, default=None, source=_addresses)
    security_groups = field(
        CREATE, UPDATE, SHOW, FILTER, check=Nullable(Each(Str(1, 36))), default=None, render=list
    )
    port_security_enabled = field(CREATE, UPDATE, SHOW, FILTER, check=BOOL)
    allowed_address_pairs = field(CREATE, UPDATE, SHOW, check=Nullable(Pairs()), default=list, source=_pairs)
    extra_dhcp_opts = field(CREATE, UPDATE, SHOW, check=Nullable(Each(DhcpOption())), default=list)
    dns_name = field(CREATE, UPDATE, SHOW, FILTER, check=Str(0, 63, pattern=r"[A-Za-z0-9.-]*"), default="")
    dns_assignment = field(SHOW, source=_dns)
    host = field(
        CREATE, UPDATE, SHOW, FILTER, check=Nullable(TEXT), default="", wire="binding:host_id",
        policy=policy.GET_PORT_HOST,
    )  # fmt: skip
    vnic_type = field(CREATE, UPDATE, SHOW, FILTER, check=CARD, default="normal", wire="binding:vnic_type")
    profile = field(
        CREATE, UPDATE, SHOW, check=Nullable(FreeMap(AnyValue())), default=dict, wire="binding:profile",
        policy=policy.GET_PORT_PROFILE,
    )  # fmt: skip
    vif_type = field(SHOW, FILTER, wire="binding:vif_type", policy=policy.GET_PORT_VIF_TYPE)
    vif_details = field(SHOW, wire="binding:vif_details", policy=policy.GET_PORT_VIF_DETAILS)


routes = Routes("/v2.0/ports", resource=Port)


@routes.get(policy=policy.GET_PORT)
def index(req: Request) -> Any:
    return verbs.listed(req, Port, ports.index)


@routes.post(policy=HANDLER_AUTHORISES, status=201, bulk=True)
def create(req: Request, body: Any) -> Any:
    return verbs.created(req, Port, "create_port", body, ports.create, target=rights.on_network)


@routes.get("/{id}", policy=policy.GET_PORT, load=ports.get, target=rights.loaded_on_network)
def show(req: Request, port: Row) -> Any:
    return verbs.one(req, Port, port)


@routes.put("/{id}", policy=HANDLER_AUTHORISES, load=ports.get)
def update(req: Request, port: Row, body: Any) -> Any:
    # The rule on network devices is about the owner that the port shall have.
    target = rights.on_network(req.ctx, port) | {
        name: body[name] for name in ("device_owner",) if name in body
    }
    return verbs.updated(req, Port, "update_port", port, body, ports.update, target=target)


@routes.delete("/{id}", policy=policy.DELETE_PORT, load=ports.get, target=rights.loaded_on_network)
def delete(req: Request, port: Row) -> None:
    ports.delete(req.ctx, port, expected=verbs.expected(req))
