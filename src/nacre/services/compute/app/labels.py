"""Metadata and tags of servers: what users write on them, within limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest, OverQuota
from nacre.services.compute.app import limits, states
from nacre.services.compute.app.states import Operation
from nacre.services.compute.db import labels as rows
from nacre.services.compute.db import servers
from nacre.services.compute.db.servers import Server
from nacre.services.compute.errors import MetadataItemNotFound, TagNotFound

MOST_TAGS = 50

Items = dict[str, str]


def metadata(ctx: Context, server: Server) -> Items:
    """Return a server's metadata."""
    return ctx.db.read(rows.metadata, server.id)


def item(ctx: Context, server: Server, key: str) -> str:
    """Return one item; raises MetadataItemNotFound."""
    found = metadata(ctx, server)
    if key not in found:
        raise MetadataItemNotFound()
    return found[key]


def add_items(ctx: Context, server: Server, items: Items) -> Items:
    """Add or change items; return all."""
    return _change(ctx, server, states.UPDATE_METADATA, lambda before: {**before, **items})


def replace_items(ctx: Context, server: Server, items: Items) -> Items:
    """Make these the only items; return them."""
    return _change(ctx, server, states.UPDATE_METADATA, lambda before: items)


def delete_item(ctx: Context, server: Server, key: str) -> None:
    """Remove one item; raises MetadataItemNotFound."""

    def without(before: Items) -> Items:
        if key not in before:
            raise MetadataItemNotFound()
        return {name: value for name, value in before.items() if name != key}

    _change(ctx, server, states.DELETE_METADATA, without)


def _change(ctx: Context, server: Server, operation: Operation, change: Callable[[Items], Items]) -> Items:
    def write(tx: Transaction) -> Items:
        present = servers.lock(tx, server.id)
        after = change(rows.metadata(tx, server.id))
        states.check(ctx, present, operation)
        allowed = limits.of(tx, ctx, present.project_id)["metadata_items"]
        if len(after) > allowed >= 0:
            raise OverQuota(f"Maximum number of metadata items exceeds {allowed}")
        rows.replace_metadata(tx, server.id, after)
        servers.update(tx, server.id)
        return after

    return ctx.db.run(write)


def tags(ctx: Context, server: Server) -> list[str]:
    """Return a server's tags."""
    return ctx.db.read(rows.tags, server.id)


def add_tag(ctx: Context, server: Server, tag: str) -> bool:
    """Add a tag; tell whether it is new."""

    def write(tx: Transaction) -> bool:
        present = servers.lock(tx, server.id)
        states.check(ctx, present, states.UPDATE_TAGS)
        known = rows.tags(tx, server.id)
        if tag in known:
            return False
        if len(known) >= MOST_TAGS:
            raise BadRequest(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
        rows.add_tag(tx, server.id, tag)
        servers.update(tx, server.id)
        return True

    return ctx.db.run(write)


def replace_tags(ctx: Context, server: Server, wanted: Sequence[str]) -> list[str]:
    """Make these the only tags; return them."""

    def write(tx: Transaction) -> list[str]:
        present = servers.lock(tx, server.id)
        states.check(ctx, present, states.UPDATE_TAGS)
        rows.replace_tags(tx, server.id, dict.fromkeys(wanted))
        servers.update(tx, server.id)
        return rows.tags(tx, server.id)

    return ctx.db.run(write)


def check_tag(ctx: Context, server: Server, tag: str) -> None:
    """Raise TagNotFound unless the server has the tag."""
    if tag not in tags(ctx, server):
        raise TagNotFound(server.id, tag)


def delete_tag(ctx: Context, server: Server, tag: str) -> None:
    """Remove one tag; raises TagNotFound."""

    def write(tx: Transaction) -> None:
        present = servers.lock(tx, server.id)
        states.check(ctx, present, states.UPDATE_TAGS)
        if not rows.delete_tag(tx, server.id, tag):
            raise TagNotFound(server.id, tag)
        servers.update(tx, server.id)

    ctx.db.run(write)
