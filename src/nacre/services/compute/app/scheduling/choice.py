"""Choose a host for a server and claim its room, or say for every host why not.

Placement knows what is free; compute knows everything else.  So placement is asked for hosts with room,
the filters refuse, the weighers rank, and the claim decides: two schedulers may like the same host, and
the one whose claim comes too late takes the next.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.app.scheduling import filters, hosts, weighers
from nacre.services.compute.app.scheduling.hosts import Candidate, Wish
from nacre.services.compute.db import actions, groups, servers
from nacre.services.compute.db import hosts as host_rows
from nacre.services.compute.db.history_tables import Refusal
from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import FlavorCopy
from nacre.services.compute.errors import NoValidHost
from nacre.services.placement import client as placement

CLAIMS_TRIED = 10
REFUSALS_KEPT = 200
CAUSES_NAMED = 5


class Choice(msgspec.Struct, frozen=True):
    """A host whose room is claimed."""

    host: str
    hypervisor_hostname: str
    zone: str


def wish_of(tx: Transaction, server: Server, excluded: Sequence[str]) -> Wish:
    """Read what a server asks of its host from its rows."""
    hints = server.scheduler_hints
    group = groups.of_server(tx, server.id)
    members = groups.member_hosts(tx, group.id, but=[server.id]) if group else []
    near, far = _ids(hints.get("same_host")), _ids(hints.get("different_host"))
    where = servers.hosts_of(tx, [*near, *far])
    return Wish(
        server_id=server.id,
        project_id=server.project_id,
        flavor=server.flavor,
        image_properties=server.image.properties if server.image else {},
        zone=server.pinned_zone,
        host=server.wanted_host,
        hypervisor_hostname=server.wanted_hypervisor,
        excluded=tuple(excluded),
        same_host=frozenset(where[each] for each in near if each in where) if near else None,
        different_host=frozenset(where[each] for each in far if each in where),
        query=hints.get("query"),
        group_policy=group.policy if group else None,
        group_hosts=dict(Counter(members)),
        group_limit=int(group.rules.get("max_server_per_host", 1)) if group else 1,
    )


def _ids(hint: object) -> list[str]:
    if isinstance(hint, str):
        return [hint]
    return [each for each in hint if isinstance(each, str)] if isinstance(hint, list) else []


def choose(ctx: Context, server: Server, excluded: Collection[str] = ()) -> Choice:
    """Return a host whose room is claimed for the server; raises NoValidHost.  May run twice.

    What spoke against each host is kept as a scheduling record either way.
    """
    wish = ctx.db.read(wish_of, server, list(excluded))
    claim = functools.partial(_claim, ctx, server, wish)
    return _search(ctx, server, wish, claim, forced=server.host_forced)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A server that is to go elsewhere: from where, to where if somebody said so, as what.

    `forced`: past the filters, as administrators of old could have it.
    """

    leaves: str
    flavor: FlavorCopy
    target: str | None = None
    forced: bool = False
    excluded: tuple[str, ...] = ()


Request = dict[str, dict[str, int]]
Claim = Callable[[Candidate, Request], str | None]
"""Claims a host's room, or says why that cannot be."""


def wish_of_move(tx: Transaction, server: Server, move: Move) -> Wish:
    """Read what a server that goes elsewhere asks of the host where it goes."""
    return msgspec.structs.replace(
        wish_of(tx, server, move.excluded),
        flavor=move.flavor,
        host=move.target,
        hypervisor_hostname=None,
        leaves=move.leaves,
    )


def choose_elsewhere(ctx: Context, server: Server, move: Move, claim: Claim) -> Choice:
    """Return the host to which a server is to go, once its room is claimed; raises NoValidHost."""
    wish = ctx.db.read(wish_of_move, server, move)

    def claim_apart(best: Candidate, request: Request) -> str | None:
        reason = claim(best, request)
        return reason or ctx.db.run(_refuse_by_group, server.id, best, wish)

    return _search(ctx, server, wish, claim_apart, forced=move.forced)


def check_elsewhere(ctx: Context, server: Server, move: Move) -> None:
    """Raise NoValidHost if no host could take a server now; claims nothing."""
    wish = ctx.db.read(wish_of_move, server, move)
    _search(ctx, server, wish, lambda _best, _request: None, forced=move.forced, noted=False)


def _search(
    ctx: Context, server: Server, wish: Wish, claim: Claim, *, forced: bool, noted: bool = True
) -> Choice:
    applied = filters.ALWAYS if forced else filters.FILTERS
    few = ctx.config.hosts_asked_of_placement
    for limit in (None,) if wish.is_particular() else (few, None):
        candidates, requests = _offered(ctx, wish, limit)
        best, refusals = _take_one(candidates, requests, wish, applied, claim)
        if best is not None:
            if noted:
                _record(ctx, server, best.name, len(candidates), refusals)
            return Choice(best.name, best.hypervisor_hostname, best.zone)
        if limit is not None and len(requests) < limit:
            break  # these were all that have room
    refusals += _explain_the_rest(ctx, candidates, wish, applied)
    if noted:
        _record(ctx, server, None, len(refusals), refusals)
    raise _no_valid_host(refusals)


def _take_one(
    candidates: list[Candidate],
    requests: dict[str, Request],
    wish: Wish,
    applied: tuple[filters.Filter, ...],
    claim: Claim,
) -> tuple[Candidate | None, list[Refusal]]:
    """Return the best host whose room could be claimed, and what spoke against others."""
    refusals, fitting = [], []
    for candidate in candidates:
        verdict = filters.refuse(candidate, wish, applied)
        if verdict is None:
            fitting.append(candidate)
        else:
            refusals.append(_refusal(candidate, verdict))
    for best in weighers.rank(fitting, wish)[:CLAIMS_TRIED]:
        reason = claim(best, requests[best.provider_id])
        if reason is None:
            return best, refusals
        cause = "taken by others meanwhile"
        refusals.append(Refusal(best.name, "claim", reason, cause=cause))
    return None, refusals


def _offered(ctx: Context, wish: Wish, limit: int | None) -> tuple[list[Candidate], dict[str, Request]]:
    """Return hosts with room, as the filters see them, and by their providers what is to be claimed there."""
    required, forbidden = hosts.traits(wish.flavor, wish.image_properties)
    try:
        offered = placement.allocation_candidates(
            ctx, hosts.resources(wish.flavor), required=required, forbidden=forbidden, limit=limit
        )
    except errors.BadRequest:  # a trait or a class of which placement has never heard: no host has it
        return [], {}
    requests = {uuid: request for request in offered.requests for uuid in request if len(request) == 1}

    def read(tx: Transaction) -> tuple[dict[str, Host], list[Aggregate]]:
        return host_rows.by_provider(tx, list(requests)), host_rows.all_aggregates(tx)

    known, aggregates = ctx.db.read(read)
    found = []
    for uuid, host in known.items():
        found.append(_seen(ctx, host, aggregates, offered.summaries[uuid], offered=True))
    return found, requests


def _seen(
    ctx: Context, host: Host, aggregates: list[Aggregate], summary: placement.Summary | None, *, offered: bool
) -> Candidate:
    now = ctx.clock.now()
    return hosts.candidate(
        host,
        aggregates,
        default_zone=ctx.config.default_availability_zone,
        up=host.is_up(now, ctx.config.host_down_seconds),
        silent_seconds=(now - host.reported_at).total_seconds(),
        offered=offered,
        capacity=summary.capacity if summary else {},
        used=summary.used if summary else {},
        traits=summary.traits if summary else None,
    )


def _explain_the_rest(
    ctx: Context, seen: list[Candidate], wish: Wish, applied: tuple[filters.Filter, ...]
) -> list[Refusal]:
    """Say what spoke against the hosts that placement did not even offer, with the numbers."""

    def read(tx: Transaction) -> tuple[list[Host], list[Aggregate]]:
        return host_rows.every(tx), host_rows.all_aggregates(tx)

    every, aggregates = ctx.db.read(read)
    offered = {candidate.name for candidate in seen}
    rest = [host for host in every if host.name not in offered]
    left = placement.left(ctx, hosts.resources(wish.flavor)) if rest else {}
    refusals = []
    for host in rest:
        candidate = _seen(ctx, host, aggregates, left.get(host.id), offered=False)
        verdict = filters.refuse(candidate, wish, applied)
        if verdict is not None:
            refusals.append(_refusal(candidate, verdict))
    return refusals


def _refusal(candidate: Candidate, verdict: filters.Verdict) -> Refusal:
    return Refusal(candidate.name, verdict.by, verdict.reason, cause=verdict.cause)


def _refuse_by_group(tx: Transaction, server_id: str, best: Candidate, wish: Wish) -> str | None:
    """Look again, alone: two members of a group may have been scheduled side by side."""
    group = groups.of_server(tx, server_id)
    if group is None:
        return None
    groups.lock(tx, group.id)
    members = Counter(groups.member_hosts(tx, group.id, but=[server_id]))
    return filters.group(best, msgspec.structs.replace(wish, group_hosts=dict(members)))


def _claim(
    ctx: Context, server: Server, wish: Wish, best: Candidate, request: dict[str, dict[str, int]]
) -> str | None:
    """Claim a host's room and write the host into the server's row; return why that is not possible."""
    try:
        placement.claim(ctx, server.id, request, project_id=server.project_id, user_id=server.user_id)
    except errors.Conflict as error:
        return f"its room was taken meanwhile: {error.message}"

    def settle(tx: Transaction) -> str | None:
        if reason := _refuse_by_group(tx, server.id, best, wish):
            return reason
        servers.update(
            tx,
            server.id,
            host=best.name,
            hypervisor_hostname=best.hypervisor_hostname,
            zone=best.zone,
        )
        return None

    reason = ctx.db.run(settle)
    if reason is not None:
        placement.release(ctx, server.id)
    return reason


def _record(ctx: Context, server: Server, host: str | None, considered: int, refusals: list[Refusal]) -> None:
    scheduling = actions.Scheduling(
        server_id=server.id,
        request_id=ctx.request_id,
        host=host,
        considered=considered,
        refusals=refusals[:REFUSALS_KEPT],
        created_at=ctx.clock.now(),
    )
    if refusals or host is None:
        ctx.db.run(actions.add_scheduling, scheduling)


def _no_valid_host(refusals: list[Refusal]) -> NoValidHost:
    """Word the refusals: by their causes for the user, one by one for the operator."""
    if not refusals:
        return NoValidHost("There are no hosts in this cloud yet.", detail="no compute agent has reported")
    counted = Counter(refusal.cause or refusal.by for refusal in refusals)
    causes = [f"{cause} ({number})" for cause, number in counted.most_common(CAUSES_NAMED)]
    if len(counted) > CAUSES_NAMED:
        causes.append("other reasons")
    lines = [f"{refusal.host}: {refusal.reason} [{refusal.by}]" for refusal in refusals[:REFUSALS_KEPT]]
    return NoValidHost(
        f"{len(refusals)} host(s) were considered: {', '.join(causes)}.", detail="\n".join(lines)
    )
