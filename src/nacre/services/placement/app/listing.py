"""Which providers match: by name, tree, room, traits and aggregates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.placement.db import names, providers
from nacre.services.placement.db.providers import Provider
from nacre.services.placement.errors import UnknownClass, UnknownTraits


class Alternatives(Protocol):
    """What is required (one of each set) and what is forbidden."""

    @property
    def required(self) -> list[frozenset[str]]: ...

    @property
    def forbidden(self) -> frozenset[str]: ...


def find(
    ctx: Context,
    *,
    name: str | None,
    uuid: str | None,
    tree_of: str | None,
    resources: Mapping[str, int],
    traits: Alternatives,
    aggregates: Alternatives,
) -> list[Provider]:
    """Return the providers that match everything."""

    def read(tx: Transaction) -> list[Provider]:
        for strange in sorted(names.unknown_classes(tx, resources)):
            raise UnknownClass(strange)
        if missing := names.unknown_traits(tx, traits.forbidden.union(*traits.required)):
            raise UnknownTraits(sorted(missing))
        allowed: set[str] | None = None
        sets = [providers.with_room(tx, each, amount) for each, amount in resources.items()]
        sets += [providers.with_trait(tx, alternatives) for alternatives in traits.required]
        sets += [providers.in_aggregate(tx, alternatives) for alternatives in aggregates.required]
        for matching in sets:
            allowed = matching if allowed is None else allowed & matching
        found = providers.page(tx, name=name, uuid=uuid, tree_of=tree_of, among=allowed)
        barred = providers.with_trait(tx, traits.forbidden) if traits.forbidden else set()
        if aggregates.forbidden:
            barred |= providers.in_aggregate(tx, aggregates.forbidden)
        return [provider for provider in found if provider.uuid not in barred]

    return ctx.db.read(read)
