"""Hosts as compute knows them: what their agents reported, what operators decided, the zones they are in."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from nacre.kernel.db import Page, Sort, Transaction, among, page
from nacre.kernel.heartbeats import Heard
from nacre.kernel.ids import new_id
from nacre.services.compute import rpc
from nacre.services.compute.db.tables import aggregate_hosts, aggregates, control_processes, hosts

NEWS_SECONDS = 60
"""A status is written anew when it is older than that, though only the time in it has changed."""


class Host(msgspec.Struct, frozen=True):
    """A machine that runs a compute agent."""

    name: str
    id: str
    service_id: str
    hypervisor_hostname: str
    status: rpc.HostStatus
    reported_at: datetime
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    epoch: str
    change: int
    inventory: dict[str, Any] | None
    created_at: datetime
    number: int = 0

    def is_up(self, now: datetime, down_after_seconds: float) -> bool:
        """Tell whether its agent can be expected to answer, and nobody says that it has failed."""
        return not self.forced_down and self.is_heard(now, down_after_seconds)

    def is_heard(self, now: datetime, down_after_seconds: float) -> bool:
        """Tell whether its agent has reported lately, whatever people say of it."""
        return (now - self.reported_at).total_seconds() <= down_after_seconds

    def has_told_all(self) -> bool:
        """Tell whether nothing has changed on it, by its last report, since it told what had changed."""
        return (self.status.epoch, self.status.change) == (self.epoch, self.change)

    def says(self, status: rpc.HostStatus) -> bool:
        """Tell whether a status is no news: the same but for the time, and that not much later."""
        known = self.status
        if status.reported_at is None or known.reported_at is None:
            return status == known
        timeless = msgspec.structs.replace(
            status, reported_at=known.reported_at, uptime_seconds=known.uptime_seconds
        )
        later = (status.reported_at - known.reported_at).total_seconds()
        return timeless == known and 0 <= later < NEWS_SECONDS


class Aggregate(msgspec.Struct, frozen=True):
    """A set of hosts with properties in common; one of them may be an availability zone."""

    id: int
    uuid: str
    name: str
    properties: dict[str, str]
    created_at: datetime
    updated_at: datetime | None
    hosts: tuple[str, ...] = ()


_ALL = select(*[hosts.c[name] for name in Host.__struct_fields__])


_NAMED = _ALL.where(among(hosts.c.name, "names"))
_STAMPS = select(hosts.c.name, hosts.c.reported_at, hosts.c.forced_down).where(among(hosts.c.name, "names"))
_ALIVE = hosts.update().where(among(hosts.c.name, "names")).values(reported_at=bindparam("at"))


def find(tx: Transaction, name: str) -> Host | None:
    """Return a host by its name, or None."""
    return tx.find(_ALL.where(hosts.c.name == name), Host)


def several(tx: Transaction, names: Collection[str]) -> dict[str, Host]:
    """Return those of these hosts that are known, by name."""
    if not names:
        return {}
    return {host.name: host for host in tx.all(_NAMED, Host, {"names": list(names)})}


def lock(tx: Transaction, name: str) -> bool:
    """Let nobody else change this host or its zone until the transaction ends; tell whether it is known."""
    return tx.lock(hosts, name)


def every(tx: Transaction) -> list[Host]:
    """Return all hosts, by name."""
    return tx.all(_ALL.order_by(hosts.c.name), Host)


def after(tx: Transaction, name: str, limit: int) -> list[Host]:
    """Return the next hosts in the order of their names."""
    return tx.all(_ALL.where(hosts.c.name > name).order_by(hosts.c.name).limit(limit), Host)


def index(tx: Transaction, asked: Page, *, by_number: bool) -> list[Host]:
    """Return one page of hosts in the order in which they came; the marker is a number or an id."""
    asked = msgspec.structs.replace(asked, sort=(Sort("number"),))
    return page(tx, _ALL, Host, hosts, asked, marker_column=hosts.c.number if by_number else hosts.c.id)


def by_id(tx: Transaction, host_id: str | int) -> Host | None:
    """Return a host by its id or number, or None."""
    column = hosts.c.number if isinstance(host_id, int) else hosts.c.id
    return tx.find(_ALL.where(column == host_id), Host)


def like(tx: Transaction, text: str) -> list[Host]:
    """Return the hosts with this text in the name of their hypervisor."""
    matching = hosts.c.hypervisor_hostname.contains(text, autoescape=True)
    return tx.all(_ALL.where(matching).order_by(hosts.c.number), Host)


def by_provider(tx: Transaction, ids: Collection[str]) -> dict[str, Host]:
    """Return hosts by the id of their resource provider."""
    if not ids:
        return {}
    return {host.id: host for host in tx.all(_ALL.where(hosts.c.id.in_(list(ids))), Host)}


def record_status(tx: Transaction, status: rpc.HostStatus) -> Host:
    """Keep what a host reported; a host that was unknown is known from now on."""
    now = tx.now()
    seen = {"status": status, "reported_at": now, "hypervisor_hostname": status.hypervisor_hostname}
    known = tx.update(hosts, status.host, seen)
    while not known:
        new = {
            **seen,
            "name": status.host,
            "number": free_number(tx),
            "id": new_id(),
            "service_id": new_id(),
            "disabled": False,
            "disabled_reason": None,
            "forced_down": False,
            "epoch": "",
            "change": 0,
            "inventory": None,
            "created_at": now,
        }
        # Another new host may take the same number at the same time; then the next one is tried.
        known = tx.insert_if_absent(hosts, new) or tx.exists(_ALL.where(hosts.c.name == status.host))
    host = find(tx, status.host)
    assert host is not None
    return host


def record_again(tx: Transaction, heard: Iterable[tuple[Host, Heard[rpc.HostStatus]]]) -> dict[str, Host]:
    """Keep what known hosts reported; for those that said nothing new, only that they live (to the second).

    Returns them as they are now.
    """
    changed: dict[str, dict[str, Any]] = {}
    alive: dict[datetime, list[str]] = {}
    now: dict[str, Host] = {}
    for host, each in heard:
        status = each.report
        if host.says(status):
            at = each.at.replace(microsecond=0)
            alive.setdefault(at, []).append(host.name)
            now[host.name] = msgspec.structs.replace(host, reported_at=at)
        else:
            named = status.hypervisor_hostname
            values = {"status": status, "reported_at": each.at, "hypervisor_hostname": named}
            changed[host.name] = values
            now[host.name] = msgspec.structs.replace(host, **values)
    tx.update_all(hosts, changed)
    for at, names in alive.items():
        tx.execute(_ALIVE, {"names": names, "at": at})
    return now


def untouched(tx: Transaction, known: Collection[Host]) -> dict[str, Host]:
    """Return those hosts, by name, that have neither reported nor been forced down since they were as they are here."""
    found: Any = tx.execute(_STAMPS, {"names": [host.name for host in known]}).all() if known else ()
    stamps = {name: (reported_at, forced_down) for name, reported_at, forced_down in found}
    return {
        host.name: host for host in known if stamps.get(host.name) == (host.reported_at, host.forced_down)
    }


def free_number(tx: Transaction) -> int:
    """Return the next of the numbers that hosts and processes of the control plane share."""
    tables = (hosts.c.number, control_processes.c.number)
    return 1 + max(tx.scalar(select(func.coalesce(func.max(column), 0))) for column in tables)


def update(tx: Transaction, name: str, **values: object) -> bool:
    """Change what is kept of a host; tell whether it is known."""
    return bool(tx.update(hosts, hosts.c.name == name, values))


def delete(tx: Transaction, name: str) -> None:
    """Forget a host."""
    tx.delete(aggregate_hosts, aggregate_hosts.c.host == name)
    tx.delete(hosts, hosts.c.name == name)


def all_aggregates(tx: Transaction) -> list[Aggregate]:
    """Return every aggregate with its hosts."""
    members: dict[int, list[str]] = {}
    joined: Any = tx.execute(select(aggregate_hosts).order_by(aggregate_hosts.c.host))
    for aggregate_id, host in joined:
        members.setdefault(aggregate_id, []).append(host)
    columns = [aggregates.c[name] for name in Aggregate.__struct_fields__ if name != "hosts"]
    found = tx.all(select(*columns).order_by(aggregates.c.id), Aggregate)
    return [msgspec.structs.replace(each, hosts=tuple(members.get(each.id, ()))) for each in found]
