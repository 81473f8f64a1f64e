"""Aggregates: sets of hosts with properties in common, by which operators guide the scheduler.

One property has a meaning of its own: `availability_zone` puts the hosts into a zone that users may ask
for.  A host is in one zone only, and a server stays in the zone that it was made in, so what would break
either is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nacre.kernel.context import Context
from nacre.kernel.db import Duplicate, Transaction
from nacre.kernel.errors import BadRequest, Conflict, NotFound
from nacre.kernel.ids import new_id
from nacre.services.compute.app.scheduling.hosts import ZONE_PROPERTY, zone_of
from nacre.services.compute.db import aggregates as rows
from nacre.services.compute.db import hosts
from nacre.services.compute.db.hosts import Aggregate
from nacre.services.compute.errors import AggregateExists, HostNotFound


class Unsafe(BadRequest):
    """The change would put a host into two zones, or its servers into another."""

    def __init__(self, action: str, aggregate_id: int, reason: str) -> None:
        super().__init__(f"Cannot perform action '{action}' on aggregate {aggregate_id}. Reason: {reason}.")


def get(ctx: Context, aggregate_id: int) -> Aggregate:
    """Return an aggregate; raises AggregateNotFound."""
    return ctx.db.read(rows.get, aggregate_id)


def index(ctx: Context) -> list[Aggregate]:
    """Return all aggregates, in the order in which they were made."""
    return ctx.db.read(hosts.all_aggregates)


def create(ctx: Context, name: str, zone: str | None) -> Aggregate:
    """Make an aggregate without hosts; raises AggregateExists."""
    properties = {ZONE_PROPERTY: zone} if zone else {}
    try:
        aggregate_id = ctx.db.run(rows.insert, new_id(), name, properties)
    except Duplicate:
        raise AggregateExists(name) from None
    return get(ctx, aggregate_id)


def update(ctx: Context, aggregate_id: int, *, name: str | None = None, zone: str | None = None) -> Aggregate:
    """Give an aggregate another name or zone; raises AggregateExists and Unsafe."""

    def write(tx: Transaction) -> None:
        aggregate = rows.lock(tx, aggregate_id)
        properties = dict(aggregate.properties)
        if zone is not None:
            _refuse_unsafe(tx, ctx, "update_aggregate", aggregate, zone, aggregate.hosts)
            properties[ZONE_PROPERTY] = zone
        rows.update(tx, aggregate_id, name=name or aggregate.name, properties=properties)

    try:
        ctx.db.run(write)
    except Duplicate:
        raise AggregateExists(name or "") from None
    return get(ctx, aggregate_id)


def set_metadata(ctx: Context, aggregate_id: int, changes: Mapping[str, str | None]) -> Aggregate:
    """Set properties, and remove those that are to be None; raises Unsafe."""

    def write(tx: Transaction) -> None:
        aggregate = rows.lock(tx, aggregate_id)
        if ZONE_PROPERTY in changes:
            _refuse_unsafe(
                tx, ctx, "update_aggregate_metadata", aggregate, changes[ZONE_PROPERTY], aggregate.hosts
            )
        merged = {**aggregate.properties, **changes}
        properties = {key: value for key, value in merged.items() if value is not None}
        rows.update(tx, aggregate_id, properties=properties)

    ctx.db.run(write)
    return get(ctx, aggregate_id)


def delete(ctx: Context, aggregate_id: int) -> None:
    """Remove an aggregate, which must have no hosts."""

    def write(tx: Transaction) -> None:
        if rows.lock(tx, aggregate_id).hosts:
            raise Unsafe("delete", aggregate_id, "Host aggregate is not empty")
        rows.delete(tx, aggregate_id)

    ctx.db.run(write)


def add_host(ctx: Context, aggregate_id: int, host: str) -> Aggregate:
    """Put a host into an aggregate; raises HostNotFound, and Conflict where it is there or may not be."""

    def write(tx: Transaction) -> None:
        aggregate = rows.lock(tx, aggregate_id)
        if not hosts.lock(tx, host):  # and keep it from coming into another zone meanwhile
            raise HostNotFound(host)
        if host in aggregate.hosts:
            raise Conflict(f"Aggregate {aggregate_id} already has host {host}.")
        if zone := aggregate.properties.get(ZONE_PROPERTY):
            try:
                _refuse_unsafe(tx, ctx, "add_host_to_aggregate", aggregate, zone, [host])
            except Unsafe as unsafe:
                raise Conflict(unsafe.message) from None
        rows.add_host(tx, aggregate_id, host)
        rows.update(tx, aggregate_id)

    ctx.db.run(write)
    return get(ctx, aggregate_id)


def remove_host(ctx: Context, aggregate_id: int, host: str) -> Aggregate:
    """Take a host out of an aggregate; its servers are in the zone where that leaves it."""

    def write(tx: Transaction) -> None:
        rows.lock(tx, aggregate_id)
        if not rows.remove_host(tx, aggregate_id, host):
            raise NotFound(f"Aggregate {aggregate_id} has no host {host}.")
        rows.update(tx, aggregate_id)
        zone = zone_of(host, hosts.all_aggregates(tx), ctx.config.default_availability_zone)
        rows.note_zone(tx, host, zone)

    ctx.db.run(write)
    return get(ctx, aggregate_id)


def _refuse_unsafe(
    tx: Transaction,
    ctx: Context,
    action: str,
    aggregate: Aggregate,
    zone: str | None,
    members: Collection[str],
) -> None:
    """Raise Unsafe where these hosts of an aggregate may not come into a zone."""
    if zone == "":
        reason = f"Aggregate {aggregate.id} does not support empty named availability zone"
        raise Unsafe(action, aggregate.id, reason)
    everything = hosts.all_aggregates(tx)
    others = [each for each in everything if each.id != aggregate.id and ZONE_PROPERTY in each.properties]
    taken = {each.properties[ZONE_PROPERTY] for each in others if not set(members).isdisjoint(each.hosts)} - {
        zone
    }
    if zone is not None and taken:
        names = ", ".join(sorted(taken))
        raise Unsafe(action, aggregate.id, f"One or more hosts already in availability zone(s) {names}")
    default = ctx.config.default_availability_zone
    moving = [host for host in members if zone_of(host, everything, default) != (zone or default)]
    if rows.has_servers(tx, moving):
        raise Unsafe(action, aggregate.id, "One or more hosts contain instances in this zone")
