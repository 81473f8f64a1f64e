"""OAuth consumers: programs that are known by a key and a secret."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.app.state import seal_secret
from nacre.services.identity.db import consumers
from nacre.services.identity.db.consumers import Consumer

if TYPE_CHECKING:
    from nacre.kernel.context import Context


def get(ctx: Context, consumer_id: str) -> Consumer:
    """Return a consumer."""
    return ctx.db.read(consumers.get, consumer_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Consumer]:
    """Return a page of consumers."""
    return ctx.db.read(consumers.index, wanted, page)


def create(
    ctx: Context, *, description: str | None = None, extra: Mapping[str, Any] | None = None
) -> tuple[Consumer, str]:
    """Make a consumer; returns its secret too, which is shown only now."""
    secret = secrets.token_hex(32)
    consumer = Consumer(new_hex_id(), description, seal_secret(ctx.service, secret), dict(extra or {}))
    ctx.db.run(consumers.insert, consumer)
    return consumer, secret


def update(ctx: Context, consumer: Consumer, changes: Mapping[str, Any]) -> Consumer:
    """Change a consumer; the secret stays."""
    if "secret" in changes.get("extra", {}):
        raise errors.BadRequest("Update of `secret` is not allowed.")
    ctx.db.run(consumers.update, consumer.id, attributes.merged(consumer, changes))
    return get(ctx, consumer.id)


def delete(ctx: Context, consumer: Consumer) -> None:
    """Remove a consumer."""
    ctx.db.run(consumers.delete, consumer.id)
