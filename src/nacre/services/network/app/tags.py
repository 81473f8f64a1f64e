"""Tags: words that users stick on things, to find them again."""

from collections.abc import Callable, Sequence
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.network.app import (
    floating_ips,
    networks,
    ports,
    routers,
    security_groups,
    subnet_pools,
    subnets,
)
from nacre.services.network.db import standard
from nacre.services.network.db import tags as tagged_rows
from nacre.services.network.errors import TagNotFound

GETTERS: dict[str, Callable[[Context, str], Any]] = {
    "networks": networks.get,
    "subnets": subnets.get,
    "ports": ports.get,
    "routers": routers.get,
    "floatingips": floating_ips.get,
    "security_groups": security_groups.get,
    "subnetpools": subnet_pools.get,
}
"""What can be tagged, and how it is found."""


def replace(ctx: Context, collection: str, thing: Any, names: Sequence[str]) -> list[str]:
    """Give a thing these tags and no others."""

    def run(tx: Transaction) -> None:
        standard.set_tags(tx, thing.id, names)
        tagged_rows.revise(tx, collection, thing.id)

    ctx.db.run(run)
    return sorted(set(names))


def add(ctx: Context, collection: str, thing: Any, names: Sequence[str]) -> None:
    """Give a thing further tags."""

    def run(tx: Transaction) -> None:
        new = [name for name in names if standard.add_tag(tx, thing.id, name)]
        if new:
            tagged_rows.revise(tx, collection, thing.id)

    ctx.db.run(run)


def remove(ctx: Context, collection: str, thing: Any, name: str) -> None:
    """Take a tag away; TagNotFound if the thing does not have it."""

    def run(tx: Transaction) -> None:
        if not standard.remove_tag(tx, thing.id, name):
            raise TagNotFound(name)
        tagged_rows.revise(tx, collection, thing.id)

    ctx.db.run(run)
