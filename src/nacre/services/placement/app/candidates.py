"""Allocation candidates: where a request for resources would fit.

A request is one unnamed group, whose resources may come from several providers of one tree, and any
number of named groups, each served by one provider.  SQL finds, for each resource class, the
providers with room; the rest is set arithmetic here, in one tree of providers after the other until
there are as many candidates as are wanted.

Sharing providers (MISC_SHARES_VIA_AGGREGATE) are not considered: nothing in nacre makes one.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.placement.db import names, providers
from nacre.services.placement.db.providers import Inventory, Place, Room
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
    places: dict[str, Place]
    room: dict[str, dict[str, Room]]
    traits: dict[str, list[str]]


#: For each group of a request, by its suffix: class → the providers that could give it.
Fits = dict[str, dict[str, set[str]]]
#: One way to serve a group: provider → class → amount.
Way = dict[str, dict[str, int]]


def find(ctx: Context, query: Query) -> Found:
    """Return where a request would fit."""
    return ctx.db.read(_find, query, ctx.config.maximum_candidates)


def _find(tx: Transaction, query: Query, maximum: int) -> Found:
    _check_names(tx, query)
    fits = {suffix: _providers_for(tx, group) for suffix, group in query.groups.items()}
    able = {suffix: _able(tx, group, fits[suffix]) for suffix, group in query.groups.items()}
    limit = min(query.limit or maximum, maximum)
    candidates: list[Candidate] = []
    places: dict[str, Place] = {}
    for tree in _trees(tx, query, fits, able, limit):
        some = _in_tree(tx, query, fits, able, tree)
        if found := list(itertools.islice(some, limit - len(candidates))):
            candidates += found
            places |= tree
        if len(candidates) == limit:
            break
    return Found(candidates, places, providers.room_of(tx, places), providers.traits_of(tx, places))


def _trees(
    tx: Transaction, query: Query, fits: Fits, able: dict[str, _Able], limit: int
) -> Iterator[dict[str, Place]]:
    """Yield the trees that may serve a request: each holds somebody with what is rarest of all that is asked."""
    wanted = [providers.with_trait(tx, alternatives) for alternatives in query.root_required]
    barred = providers.with_trait(tx, query.root_forbidden) if query.root_forbidden else set()
    every = [uuids for by_class in fits.values() for uuids in by_class.values()]
    every += [uuids for each in able.values() for uuids in each.traits]
    fewest: set[str] = min(every + wanted, key=len)
    rarest = sorted(fewest)
    if len(rarest) > limit:
        random.shuffle(rarest)  # or the same few hosts would be offered to everybody until they are full
    seen: set[str] = set()
    while rarest:
        trees: dict[str, dict[str, Place]] = defaultdict(dict)
        for place in providers.places(tx, rarest[:limit]):
            if place.root_uuid not in seen:
                trees[place.root_uuid][place.uuid] = place
        seen.update(trees)
        for root, tree in trees.items():
            if root not in barred and all(root in uuids for uuids in wanted):
                yield tree
        rarest, limit = rarest[limit:], 2 * limit


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
        tree = {place.uuid for place in providers.places(tx, [group.in_tree])}
        allowed = tree if allowed is None else allowed & tree
    found = {}
    for name, amount in group.resources.items():
        fitting = providers.with_room(tx, name, amount) - barred
        found[name] = fitting if allowed is None else fitting & allowed
    return found


class _Able(msgspec.Struct, frozen=True):
    """Who meets what a group asks for: each trait (or alternatives) by itself, and all of it, resources included.

    `alone` is None where anybody will do.
    """

    traits: list[set[str]]
    alone: set[str] | None


def _able(tx: Transaction, group: Group, fits: dict[str, set[str]]) -> _Able:
    traits = [providers.with_trait(tx, alternatives) for alternatives in group.required]
    every = [*fits.values(), *traits]
    return _Able(traits, set.intersection(*every) if every else None)


def _in_tree(
    tx: Transaction, query: Query, fits: Fits, able: dict[str, _Able], tree: dict[str, Place]
) -> Iterable[Candidate]:
    """Return the candidates of one tree."""
    ways = {
        suffix: _spread(group, fits[suffix], able[suffix].traits, tree)
        if suffix == UNNAMED and len(tree) > 1 and query.trees
        else _single(group, able[suffix].alone, tree)
        for suffix, group in query.groups.items()
    }
    if len(ways) > 1:
        return _combined(tx, query, ways, tree)
    return [Candidate(way, {suffix: sorted(way)}) for suffix in ways for way in ways[suffix]]


def _combined(
    tx: Transaction, query: Query, ways: dict[str, list[Way]], tree: dict[str, Place]
) -> Iterator[Candidate]:
    """Yield the ways in which a tree serves several groups together."""
    if not all(ways.values()):
        return
    room = providers.inventories_of(tx, tree)
    for combination in itertools.product(*ways.values()):
        chosen = dict(zip(ways, combination, strict=True))
        if _holds_together(query, chosen, tree):
            candidate = _merge(chosen)
            if _fits_together(candidate, room):
                yield candidate


def _single(group: Group, able: set[str] | None, tree: dict[str, Place]) -> list[Way]:
    """Return the ways in which one provider serves a whole group."""
    return [{uuid: group.resources} for uuid in sorted(tree) if able is None or uuid in able]


def _spread(
    group: Group, fits: dict[str, set[str]], traits: list[set[str]], tree: dict[str, Place]
) -> list[Way]:
    """Return the ways in which the providers of a tree serve a group together."""
    ways = []
    for chosen in itertools.product(*[sorted(fits[name] & tree.keys()) for name in group.resources]):
        if all(not able.isdisjoint(chosen) for able in traits):
            way: Way = defaultdict(dict)
            for (name, amount), uuid in zip(group.resources.items(), chosen, strict=True):
                way[uuid][name] = amount
            ways.append(dict(way))
    return ways


def _holds_together(query: Query, chosen: dict[str, Way], tree: dict[str, Place]) -> bool:
    """Tell whether the ways chosen for the groups keep what is to hold between these."""
    named = [next(iter(way)) for suffix, way in chosen.items() if suffix != UNNAMED and way]
    if query.isolate and len(set(named)) != len(named):
        return False
    for suffixes in query.same_subtree:
        uuids = {uuid for suffix in suffixes for uuid in chosen.get(suffix, ())}
        if uuids and not any(all(_is_below(tree, uuid, top) for uuid in uuids) for top in uuids):
            return False
    return True


def _fits_together(candidate: Candidate, room: dict[str, dict[str, Inventory]]) -> bool:
    """Tell whether what several groups want of one provider fits into it together."""
    return all(
        room[uuid][name].used + amount <= room[uuid][name].capacity and amount <= room[uuid][name].max_unit
        for uuid, amounts in candidate.allocations.items()
        for name, amount in amounts.items()
    )


def _is_below(tree: dict[str, Place], uuid: str, top: str) -> bool:
    at: str | None = uuid
    while at is not None:
        if at == top:
            return True
        at = tree[at].parent_uuid
    return False


def _merge(chosen: dict[str, Way]) -> Candidate:
    allocations: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    mappings: dict[str, list[str]] = {}
    for suffix, way in chosen.items():
        mappings[suffix] = sorted(way)
        for uuid, amounts in way.items():
            for name, amount in amounts.items():
                allocations[uuid][name] += amount
    return Candidate({uuid: dict(amounts) for uuid, amounts in allocations.items()}, mappings)
