"""Allocation candidates: where a request for resources would fit.

A request is one unnamed group, whose resources may come from several providers of one tree, and any
number of named groups, each served by one provider.  SQL finds, for each resource class, the
providers with room; the rest is set arithmetic here.

Sharing providers (MISC_SHARES_VIA_AGGREGATE) are not considered: nothing in nacre makes one.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.placement.db import names, providers
from nacre.services.placement.db.providers import Inventory, Provider
from nacre.services.placement.errors import UnknownClass, UnknownTraits

UNNAMED = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of a request asks for.

    required     each a set of traits of which the provider must have one
    member_of    each a set of aggregates of which the provider must be in one
    """

    resources: dict[str, int]
    required: list[frozenset[str]] = []
    forbidden: frozenset[str] = frozenset()
    member_of: list[frozenset[str]] = []
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request: groups by suffix, and what holds between them."""

    groups: dict[str, Group]
    isolate: bool = False
    limit: int | None = None
    root_required: list[frozenset[str]] = []
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: list[frozenset[str]] = []
    trees: bool = True


class Candidate(msgspec.Struct, frozen=True):
    """One way to serve a request: provider → class → amount, and suffix → providers."""

    allocations: dict[str, dict[str, int]]
    mappings: dict[str, list[str]]


class Found(msgspec.Struct, frozen=True):
    """Candidates, and all about the providers in their trees."""

    candidates: list[Candidate]
    providers: dict[str, Provider]
    inventories: dict[str, dict[str, Inventory]]
    traits: dict[str, list[str]]


def find(ctx: Context, query: Query) -> Found:
    """Return where a request would fit."""
    return ctx.db.read(_find, query, ctx.config.maximum_candidates)


def _find(tx: Transaction, query: Query, maximum: int) -> Found:
    _check_names(tx, query)
    fits = {suffix: _providers_for(tx, group) for suffix, group in query.groups.items()}
    everyone = {uuid for by_class in fits.values() for uuids in by_class.values() for uuid in uuids}
    known = providers.trees(tx, everyone)
    roots = _acceptable_roots(tx, query, known)
    traits = _traits_that_matter(tx, query, known)
    by_root: dict[str, list[str]] = defaultdict(list)
    for provider in known.values():
        if provider.root_uuid in roots:
            by_root[provider.root_uuid].append(provider.uuid)
    limit = min(query.limit or maximum, maximum)
    trees = list(by_root.values())
    if len(trees) > limit:
        random.shuffle(trees)  # or the same few hosts would be offered to everybody until they are full
    candidates: list[Candidate] = []
    for members in trees:
        room = providers.inventories_of(tx, members) if len(query.groups) > 1 else None
        ways = _in_tree(query, fits, frozenset(members), known, traits)
        fitting = (one for one in ways if room is None or _fits_together(one, room))
        candidates += itertools.islice(fitting, limit - len(candidates))
        if len(candidates) >= limit:
            break
    shown = {known[uuid].root_uuid for one in candidates for uuid in one.allocations}
    involved = {uuid: one for uuid, one in known.items() if one.root_uuid in shown}
    return Found(
        candidates, involved, providers.inventories_of(tx, involved), providers.traits_of(tx, involved)
    )


def _check_names(tx: Transaction, query: Query) -> None:
    classes = {name for group in query.groups.values() for name in group.resources}
    for name in sorted(names.unknown_classes(tx, classes)):
        raise UnknownClass(name)
    traits = set(query.root_forbidden).union(*query.root_required)
    for group in query.groups.values():
        traits = traits.union(group.forbidden, *group.required)
    if strange := names.unknown_traits(tx, traits):
        raise UnknownTraits(sorted(strange))


def _providers_for(tx: Transaction, group: Group) -> dict[str, set[str]]:
    """Return, for each class that a group asks for, the providers that could give it."""
    allowed: set[str] | None = None
    for aggregates in group.member_of:
        members = providers.in_aggregate(tx, aggregates)
        allowed = members if allowed is None else allowed & members
    barred = providers.in_aggregate(tx, group.not_member_of) if group.not_member_of else set()
    if group.forbidden:
        barred |= providers.with_trait(tx, group.forbidden)
    if group.in_tree is not None:
        tree = set(providers.trees(tx, [group.in_tree]))
        allowed = tree if allowed is None else allowed & tree
    found = {}
    for name, amount in group.resources.items():
        fitting = providers.with_room(tx, name, amount) - barred
        found[name] = fitting if allowed is None else fitting & allowed
    return found


def _acceptable_roots(tx: Transaction, query: Query, known: dict[str, Provider]) -> set[str]:
    roots = {provider.root_uuid for provider in known.values()}
    for alternatives in query.root_required:
        roots &= providers.with_trait(tx, alternatives)
    if query.root_forbidden:
        roots -= providers.with_trait(tx, query.root_forbidden)
    return roots


def _traits_that_matter(
    tx: Transaction, query: Query, known: dict[str, Provider]
) -> dict[frozenset[str], set[str]]:
    """Return, for each alternative of traits that a group requires, the providers that meet it."""
    wanted = {alternatives for group in query.groups.values() for alternatives in group.required}
    return {alternatives: providers.with_trait(tx, alternatives) for alternatives in wanted}


def _in_tree(
    query: Query,
    fits: dict[str, dict[str, set[str]]],
    members: frozenset[str],
    known: dict[str, Provider],
    traits: dict[frozenset[str], set[str]],
) -> Iterator[Candidate]:
    """Yield the candidates of one tree."""
    choices: list[list[tuple[str, dict[str, dict[str, int]]]]] = []
    for suffix, group in query.groups.items():
        options = (
            _spread(query, group, fits[suffix], members, traits)
            if suffix == UNNAMED
            else _single(group, fits[suffix], members, traits)
        )
        if not options:
            return
        choices.append([(suffix, option) for option in options])
    for combination in itertools.product(*choices):
        if _holds_together(query, combination, known):
            yield _merge(combination)


def _single(
    group: Group,
    fits: dict[str, set[str]],
    members: frozenset[str],
    traits: dict[frozenset[str], set[str]],
) -> list[dict[str, dict[str, int]]]:
    """Return the ways in which one provider serves a whole group."""
    able = set(members)
    for uuids in fits.values():
        able &= uuids
    for alternatives in group.required:
        able &= traits[alternatives]
    return [{uuid: dict(group.resources)} for uuid in sorted(able)]


def _spread(
    query: Query,
    group: Group,
    fits: dict[str, set[str]],
    members: frozenset[str],
    traits: dict[frozenset[str], set[str]],
) -> list[dict[str, dict[str, int]]]:
    """Return the ways in which the providers of a tree serve a group together."""
    if len(members) == 1 or not query.trees:
        return _single(group, fits, members, traits)
    able = [sorted(fits[name] & members) for name in group.resources]
    ways = []
    for chosen in itertools.product(*able):
        used = set(chosen)
        if all(used & traits[alternatives] for alternatives in group.required):
            way: dict[str, dict[str, int]] = defaultdict(dict)
            for (name, amount), uuid in zip(group.resources.items(), chosen, strict=True):
                way[uuid][name] = amount
            ways.append(dict(way))
    return ways


def _holds_together(
    query: Query,
    combination: Sequence[tuple[str, dict[str, dict[str, int]]]],
    known: dict[str, Provider],
) -> bool:
    named = [next(iter(way)) for suffix, way in combination if suffix != UNNAMED and way]
    if query.isolate and len(set(named)) != len(named):
        return False
    chosen = dict(combination)
    for suffixes in query.same_subtree:
        uuids = {uuid for suffix in suffixes for uuid in chosen.get(suffix, ())}
        if uuids and not any(all(_is_below(known, uuid, top) for uuid in uuids) for top in uuids):
            return False
    return True


def _fits_together(candidate: Candidate, room: dict[str, dict[str, Inventory]]) -> bool:
    """Tell whether what several groups want of one provider fits into it together."""
    return all(
        room[uuid][name].used + amount <= room[uuid][name].capacity and amount <= room[uuid][name].max_unit
        for uuid, amounts in candidate.allocations.items()
        for name, amount in amounts.items()
    )


def _is_below(known: dict[str, Provider], uuid: str, top: str) -> bool:
    at: str | None = uuid
    while at is not None:
        if at == top:
            return True
        at = known[at].parent_uuid
    return False


def _merge(combination: Sequence[tuple[str, dict[str, dict[str, int]]]]) -> Candidate:
    allocations: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    mappings: dict[str, list[str]] = {}
    for suffix, way in combination:
        mappings[suffix] = sorted(way)
        for uuid, amounts in way.items():
            for name, amount in amounts.items():
                allocations[uuid][name] += amount
    return Candidate({uuid: dict(amounts) for uuid, amounts in allocations.items()}, mappings)
