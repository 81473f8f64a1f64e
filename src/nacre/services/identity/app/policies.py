"""Policy documents, kept for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel.db import Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app import attributes
from nacre.services.identity.db import policies
from nacre.services.identity.db.policies import Policy

if TYPE_CHECKING:
    from nacre.kernel.context import Context


def get(ctx: Context, policy_id: str) -> Policy:
    """Return a policy."""
    return ctx.db.read(policies.get, policy_id)


def index(ctx: Context, wanted: Mapping[str, object], page: Page) -> list[Policy]:
    """Return a page of policies."""
    return ctx.db.read(policies.index, wanted, page)


def create(ctx: Context, *, type: str, blob: str, extra: Mapping[str, Any] | None = None) -> Policy:
    """Keep a policy."""
    policy = Policy(new_hex_id(), type, blob, dict(extra or {}))
    ctx.db.run(policies.insert, policy)
    return policy


def update(ctx: Context, policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """Change a policy."""
    ctx.db.run(policies.update, policy.id, attributes.merged(policy, changes))
    return get(ctx, policy.id)


def delete(ctx: Context, policy: Policy) -> None:
    """Remove a policy."""
    ctx.db.run(policies.delete, policy.id)
