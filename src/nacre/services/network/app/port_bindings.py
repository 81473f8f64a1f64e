"""Ports on more hosts than one, for as long as their server is on its way from one to the other.

One binding is active; the port's own row has it, and only its host carries the port.  The others are hosts that
have everything ready: the interface, the filters, the tunnels.  Activating one of them changes two rows; what is
on its way meanwhile reaches both hosts (see specs.neighbours).
"""

from typing import Any

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import binding
from nacre.services.network.app.news import News, write
from nacre.services.network.db import bindings, networks, ports
from nacre.services.network.db.bindings import Binding
from nacre.services.network.db.ports import ACTIVE, DOWN, Port
from nacre.services.network.errors import (
    PortBindingAlreadyActive,
    PortBindingAlreadyExists,
    PortBindingError,
    PortBindingNotFound,
    PortNotFound,
)


class Shown(msgspec.Struct, frozen=True):
    """A binding, and whether it is the active one."""

    binding: Binding
    active: bool


def index(ctx: Context, port: Port) -> list[Shown]:
    """Return all bindings of a port, the active one first."""
    further = ctx.db.read(bindings.of_port, port.id)
    own = [Shown(_own(port), active=True)] if port.host else []
    return own + [Shown(each, active=False) for each in further]


def get(ctx: Context, port: Port, host: str) -> Shown:
    """Return the binding of a port to a host; raises PortBindingNotFound."""
    for each in index(ctx, port):
        if each.binding.host == host:
            return each
    raise PortBindingNotFound(port.id, host)


def _own(port: Port) -> Binding:
    return Binding(
        port_id=port.id,
        host=port.host,
        network_id=port.network_id,
        vnic_type=port.vnic_type,
        vif_type=port.vif_type,
        vif_details=port.vif_details,
        profile=port.profile,
        problem=port.problem,
        connected=port.status == ACTIVE,
    )


def create(ctx: Context, port: Port, host: str, vnic_type: str, profile: dict[str, Any]) -> Shown:
    """Make a further host ready for a port; raises PortBindingAlreadyExists and PortBindingError."""
    return Shown(write(ctx, _create, port.id, host, vnic_type, profile), active=False)


def _lock(tx: Transaction, port_id: str) -> Port:
    if not ports.lock(tx, port_id):
        raise PortNotFound(port_id)
    return ports.get(tx, port_id)


def _create(
    tx: Transaction, news: News, port_id: str, host: str, vnic_type: str, profile: dict[str, Any]
) -> Binding:
    before = _lock(tx, port_id)
    if host in (before.host, *before.further_hosts):
        raise PortBindingAlreadyExists(port_id, host)
    decided = binding.decide(tx, news.ctx, port_id, networks.get(tx, before.network_id), host)
    if decided["vif_type"] != ports.BOUND:
        raise PortBindingError(port_id, host, decided["problem"])
    made = Binding(
        port_id=port_id,
        host=host,
        network_id=before.network_id,
        vnic_type=vnic_type,
        vif_type=decided["vif_type"],
        vif_details=decided["vif_details"],
        profile=profile,
    )
    bindings.put(tx, made)
    binding.carry(tx, news, before, ports.get(tx, port_id))
    return made


def delete(ctx: Context, port: Port, host: str) -> None:
    """Have a host carry a port no more, or be ready for it; raises PortBindingNotFound."""
    write(ctx, _delete, port.id, host)


def _delete(tx: Transaction, news: News, port_id: str, host: str) -> None:
    before = _lock(tx, port_id)
    if not bindings.delete(tx, port_id, host):
        if not host or before.host != host:
            raise PortBindingNotFound(port_id, host)
        network = networks.get(tx, before.network_id)
        ports.update(tx, port_id, binding.decide(tx, news.ctx, port_id, network, ""))
    binding.carry(tx, news, before, ports.get(tx, port_id))


def activate(ctx: Context, port: Port, host: str) -> Shown:
    """Have another host carry a port; the one that did stays ready.

    Raises PortBindingNotFound and PortBindingAlreadyActive.
    """
    return Shown(write(ctx, _activate, port.id, host), active=True)


def _activate(tx: Transaction, news: News, port_id: str, host: str) -> Binding:
    before = _lock(tx, port_id)
    if before.host == host:
        raise PortBindingAlreadyActive(port_id, host)
    chosen = next((each for each in bindings.of_port(tx, port_id) if each.host == host), None)
    if chosen is None:
        raise PortBindingNotFound(port_id, host)
    bindings.delete(tx, port_id, host)
    if before.host:
        bindings.put(tx, _own(before))
    values = {
        "host": host, "vif_type": chosen.vif_type, "vif_details": chosen.vif_details,
        "vnic_type": chosen.vnic_type, "profile": chosen.profile, "problem": "",
        "status": ACTIVE if chosen.connected else DOWN,
    }  # fmt: skip
    ports.update(tx, port_id, values)
    after = ports.get(tx, port_id)
    binding.carry(tx, news, before, after)
    return _own(after)
