"""What one host must know: its view of the cloud, whole or what changed since it last asked.

A view follows from what the host carries.  Carrying something means looking at scopes of the log:

    its own name                    its guests' ports, its routers
    a network that it carries       the network
    … and every port of it, if      the host runs its DHCP, routes for it, or reaches it by tunnels
    a security group of its ports   the group's rules
    a group that those rules name   the group's members

So an answer has three sources: rows that were logged under these scopes since the last answer, all rows of
scopes that the host did not look at before, and all rows of scopes that it looks at no more (those are
taken back, unless another scope still shows them).  Which scopes it knows of, and since when, is kept in
`told_scopes`; the revision with which it asks next says what it really heard.
"""

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network import rpc
from nacre.services.network.app import specs
from nacre.services.network.db import changes, networks, ports, presences, routers, security_groups
from nacre.services.network.db.changes import GROUP, HOST, MEMBERS, NEIGHBOUR, NETWORK, PORT, PORTS, ROUTER
from nacre.services.network.db.ports import Port

Scopes = set[tuple[str, str]]


class View(msgspec.Struct, frozen=True):
    """What a host carries now."""

    host: str
    networks: frozenset[str]
    wide_networks: frozenset[str]
    groups: frozenset[str]
    remote_groups: frozenset[str]

    def scopes(self) -> Scopes:
        """Return the scopes of the log that this makes the host look at."""
        return {
            (HOST, self.host),
            *((NETWORK, id) for id in self.networks),
            *((PORTS, id) for id in self.wide_networks),
            *((GROUP, id) for id in self.groups),
            *((MEMBERS, id) for id in self.remote_groups),
        }

    def shows(self, port: Port) -> bool:
        """Tell whether the host must know a port's addresses."""
        return port.network_id in self.wide_networks or not self.remote_groups.isdisjoint(
            port.security_groups
        )


class Rows(msgspec.Struct):
    """Ids of rows that an answer is about; whether they are in the view is seen when they are read."""

    ports: set[str]
    routers: set[str]
    networks: set[str]
    groups: set[str]
    neighbours: set[str]


def answer(ctx: Context, request: rpc.HostChangesRequest) -> rpc.HostChanges:
    """Return what changed for a host since a revision.

    What the host carries, what it is told of, the log and the rows are read as of one moment.  Were a port
    removed between two of these looks, no later answer would take it back from a host that has just left its
    network: neither a row nor a scope would lead to it any more.

    Whatever changes a view is in the log, so a host that has heard all of it is told so after one look.
    """
    log = ctx.db.read(changes.standing, request.host)
    if log.told and not log.open and log.revision == request.since_revision:
        return rpc.HostChanges(revision=log.revision, full=False)
    if log.open:
        ctx.db.run(changes.stamp)
    dns_domain = ctx.config.dns_domain
    found = ctx.db.read_still(_answer_if_steady, request.host, request.since_revision, dns_domain)
    if found is not None:
        return found
    fresh = ctx.db.run(changes.stamp)
    return ctx.db.run_still(_note_and_answer, request.host, request.since_revision, fresh, dns_domain)


def _answer_if_steady(tx: Transaction, host: str, since: int, dns_domain: str) -> rpc.HostChanges | None:
    """Answer a host that looks at the scopes that it was told of, and at nothing else."""
    view, told = _view(tx, host), changes.told(tx, host)
    present = {(each.scope, each.scope_id) for each in told if each.parted is None}
    if present != view.scopes():
        return None
    return _answer(tx, view, told, since, dns_domain)


def _note_and_answer(
    tx: Transaction, host: str, since: int, revision: int, dns_domain: str
) -> rpc.HostChanges:
    """Note from which revision on a host looks at what, and tell it.

    The revision was given out a moment ago, so the host has not asked from there yet; and what this answer
    is of is that revision or a later one, so the host's next question proves that it has heard.
    """
    view, told = _view(tx, host), changes.told(tx, host)
    scopes = view.scopes()
    known = {(each.scope, each.scope_id) for each in told if each.parted is None}
    heard = [(each.scope, each.scope_id) for each in told if each.parted is not None and each.parted <= since]
    changes.forget(tx, host, heard)
    changes.tell(tx, host, sorted(scopes - known), revision)
    changes.part(tx, host, sorted(known - scopes), revision)
    return _answer(tx, view, changes.told(tx, host) if told else [], since, dns_domain)


def _answer(
    tx: Transaction, view: View, told: list[changes.Told], since: int, dns_domain: str
) -> rpc.HostChanges:
    """Return what a host must hear; everything if it is new, or was away for longer than the log reaches."""
    log = changes.log(tx)
    if since == 0 or not told or not log.floor <= since <= log.revision:
        return _whole(tx, view, log.revision, dns_domain)
    return _read(tx, view, _rows(tx, view.host, told, since), log.revision, dns_domain)


def _view(tx: Transaction, host: str) -> View:
    carried = presences.of_host(tx, host)
    guests = carried[presences.GUEST]
    serving = carried[presences.DHCP] | carried[presences.ROUTER]
    tunnelled = networks.of_kind(tx, guests, presences.TUNNELLED)
    groups = carried[presences.GROUP]
    return View(
        host,
        frozenset(guests | serving),
        frozenset(serving | tunnelled),
        frozenset(groups),
        frozenset(security_groups.remote_group_ids(tx, groups)),
    )


def _whole(tx: Transaction, view: View, revision: int, dns_domain: str) -> rpc.HostChanges:
    """Return everything that a host must know."""
    neighbours = ports.neighbours(tx, network_ids=view.wide_networks, group_ids=view.remote_groups)
    return rpc.HostChanges(
        revision=revision,
        full=True,
        networks=specs.networks(tx, view.networks, view.host, dns_domain),
        ports=specs.ports(tx, ports.bound_to(tx, view.host), view.host),
        routers=specs.routers(tx, routers.on_host(tx, view.host), view.host),
        security_groups=specs.security_groups(tx, view.groups),
        neighbours=specs.neighbours(tx, neighbours, view.host),
    )


def _rows(tx: Transaction, host: str, told: list[changes.Told], since: int) -> Rows:
    """Return the rows that a host must read again: logged ones, and all of scopes that came or went."""
    found = changes.since(tx, since, host)
    rows = Rows(*(set(found.get(kind, ())) for kind in (PORT, ROUTER, NETWORK, GROUP, NEIGHBOUR)))
    _add_new_and_old_scopes(tx, rows, told, since)
    return rows


def _add_new_and_old_scopes(tx: Transaction, rows: Rows, told: list[changes.Told], since: int) -> None:
    """Add everything in scopes that a host began or ceased to look at after a revision."""
    turned: dict[str, set[str]] = {}
    for each in told:
        if each.joined > since or (each.parted is not None and each.parted > since):
            turned.setdefault(each.scope, set()).add(each.scope_id)
    rows.networks |= turned.get(NETWORK, set())
    rows.groups |= turned.get(GROUP, set())
    rows.neighbours |= ports.neighbour_ids(
        tx, network_ids=turned.get(PORTS, ()), group_ids=turned.get(MEMBERS, ())
    )


def _read(tx: Transaction, view: View, rows: Rows, revision: int, dns_domain: str) -> rpc.HostChanges:
    """Read rows as they are now, and tell those in the view from those that left it."""
    own = [port for port in ports.find_many(tx, rows.ports) if view.host in port.carriers]
    network_specs = specs.networks(tx, rows.networks & view.networks, view.host, dns_domain)
    router_specs = specs.routers(tx, rows.routers, view.host)
    group_specs = specs.security_groups(tx, rows.groups & view.groups)
    shown = [port for port in ports.find_many(tx, rows.neighbours) if view.shows(port)]
    return rpc.HostChanges(
        revision=revision,
        full=False,
        networks=network_specs,
        ports=specs.ports(tx, own, view.host),
        routers=router_specs,
        security_groups=group_specs,
        neighbours=specs.neighbours(tx, shown, view.host),
        removed=rpc.Removed(
            networks=_missing(rows.networks, network_specs),
            ports=_missing(rows.ports, own),
            routers=_missing(rows.routers, router_specs),
            security_groups=_missing(rows.groups, group_specs),
            neighbours=_missing(rows.neighbours, shown),
        ),
    )


def _missing(wanted: set[str], found: object) -> tuple[str, ...]:
    return tuple(sorted(wanted - {row.id for row in found}))  # type: ignore[attr-defined]
