"""Choose a host for a server and claim its room, or say for every host why not.

Placement knows what is free; compute knows everything else.  So placement is asked for hosts with room,
the filters refuse, the weighers rank, and the claim decides: two schedulers may like the same host, and
the one whose claim comes too late takes the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.compute.app.scheduling import filters, hosts, weighers
from nacre.services.compute.app.scheduling.hosts import Candidate, Wish
from nacre.services.compute.db import actions, groups, servers
from nacre.services.compute.db import hosts as host_rows
from nacre.services.compute.db.hosts import Aggregate, Host
from nacre.services.compute.db.servers import Server
from nacre.services.compute.db.tables import Refusal
from nacre.services.compute.errors import NoValidHost
from nacre.services.placement import client as placement

CLAIMS_TRIED = 10
REFUSALS_KEPT = 200


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
    required, forbidden = hosts.traits(wish.flavor, wish.image_properties)
    offered = placement.allocation_candidates(
        ctx,
        hosts.resources(wish.flavor),
        required=required,
        forbidden=forbidden,
        limit=ctx.config.hosts_asked_of_placement,
    )
    requests = {uuid: request for request in offered.requests for uuid in request if len(request) == 1}
    candidates = _candidates(ctx, requests, offered)
    applied = filters.ALWAYS if server.host_forced else filters.FILTERS
    refusals, fitting = [], []
    for candidate in candidates:
        verdict = filters.refuse(candidate, wish, applied)
        if verdict is None:
            fitting.append(candidate)
        else:
            refusals.append(Refusal(candidate.name, verdict.by, verdict.reason))
    for best in weighers.rank(fitting, wish)[:CLAIMS_TRIED]:
        reason = _claim(ctx, server, best, requests[best.provider_id], wish)
        if reason is None:
            _record(ctx, server, best.name, len(candidates), refusals)
            return Choice(best.name, best.hypervisor_hostname, best.zone)
        refusals.append(Refusal(best.name, "claim", reason))
    refusals += _explain_the_rest(ctx, candidates, wish, applied)
    _record(ctx, server, None, len(refusals), refusals)
    raise _no_valid_host(refusals)


def _candidates(
    ctx: Context, requests: dict[str, dict[str, dict[str, int]]], offered: placement.Candidates
) -> list[Candidate]:
    """Return every host that placement offered, as the filters see it."""

    def read(tx: Transaction) -> tuple[dict[str, Host], list[Aggregate]]:
        return host_rows.by_provider(tx, list(requests)), host_rows.all_aggregates(tx)

    known, aggregates = ctx.db.read(read)
    found = []
    for uuid, host in known.items():
        summary = offered.summaries[uuid]
        free = {name: float(total - summary.used.get(name, 0)) for name, total in summary.capacity.items()}
        found.append(_seen(ctx, host, aggregates, free))
    return found


def _seen(ctx: Context, host: Host, aggregates: list[Aggregate], free: dict[str, float] | None) -> Candidate:
    now = ctx.clock.now()
    return hosts.candidate(
        host,
        aggregates,
        default_zone=ctx.config.default_availability_zone,
        up=host.is_up(now, ctx.config.host_down_seconds),
        silent_seconds=(now - host.reported_at).total_seconds(),
        free=free,
    )


def _explain_the_rest(
    ctx: Context, seen: list[Candidate], wish: Wish, applied: tuple[filters.Filter, ...]
) -> list[Refusal]:
    """Say what spoke against the hosts that placement did not even offer."""

    def read(tx: Transaction) -> tuple[list[Host], list[Aggregate]]:
        return host_rows.every(tx), host_rows.all_aggregates(tx)

    every, aggregates = ctx.db.read(read)
    offered = {candidate.name for candidate in seen}
    refusals = []
    for host in every:
        if host.name not in offered:
            verdict = filters.refuse(_seen(ctx, host, aggregates, None), wish, applied)
            if verdict is not None:
                refusals.append(Refusal(host.name, verdict.by, verdict.reason))
    return refusals


def _claim(
    ctx: Context, server: Server, best: Candidate, request: dict[str, dict[str, int]], wish: Wish
) -> str | None:
    """Claim a host's room and write the host into the server's row; return why that is not possible."""
    try:
        placement.claim(ctx, server.id, request, project_id=server.project_id, user_id=server.user_id)
    except errors.Conflict as error:
        return f"its room was taken meanwhile: {error.message}"

    def settle(tx: Transaction) -> str | None:
        group = groups.of_server(tx, server.id)
        if group is not None:  # two members may have been scheduled side by side: look again, alone
            groups.lock(tx, group.id)
            members = Counter(groups.member_hosts(tx, group.id, but=[server.id]))
            now = msgspec.structs.replace(wish, group_hosts=dict(members))
            if reason := filters.group(best, now):
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
    """Word the refusals: counted by filter for the user, one by one for the operator."""
    if not refusals:
        return NoValidHost("There are no hosts in this cloud yet.", detail="no compute agent has reported")
    counted = Counter(refusal.by for refusal in refusals)
    summary = ", ".join(f"{by} ({number})" for by, number in counted.most_common())
    lines = [f"{refusal.host}: {refusal.reason} [{refusal.by}]" for refusal in refusals[:REFUSALS_KEPT]]
    return NoValidHost(
        f"{len(refusals)} host(s) were considered and refused by: {summary}.", detail="\n".join(lines)
    )
