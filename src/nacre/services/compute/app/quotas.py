"""Quotas as administrators set them: of a project, of one user in it, and of everybody who has none set."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nacre.kernel import quota
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.errors import BadRequest
from nacre.kernel.quota import UNLIMITED
from nacre.services.compute.app import limits
from nacre.services.compute.db import quotas as rows
from nacre.services.compute.db.tables import quotas


class Standing(msgspec.Struct, frozen=True):
    """What a project, or one user in it, may have and has: resource → amount."""

    limits: dict[str, int]
    used: dict[str, int]


def standing(ctx: Context, project_id: str, user_id: str | None = None) -> Standing:
    """Return what a project or user may have and has."""
    return ctx.db.read(_standing, ctx, project_id, user_id)


def _standing(tx: Transaction, ctx: Context, project_id: str, user_id: str | None) -> Standing:
    allowed = (
        limits.of(tx, ctx, project_id) if user_id is None else limits.of_user(tx, ctx, project_id, user_id)
    )
    return Standing(allowed, rows.usage(tx, project_id, user_id))


def of_everybody(ctx: Context) -> dict[str, int]:
    """Return the limits of projects that have none of their own."""
    return ctx.db.read(limits.of_everybody, ctx)


def set_everybodys(ctx: Context, changes: Mapping[str, int]) -> dict[str, int]:
    """Change the limits of projects that have none of their own; return all of them."""

    def write(tx: Transaction) -> dict[str, int]:
        quota.set_limits(tx, quotas, limits.EVERYBODY, changes)
        return limits.of_everybody(tx, ctx)

    return ctx.db.run(write)


def update(
    ctx: Context, project_id: str, user_id: str | None, changes: Mapping[str, int], *, force: bool
) -> dict[str, int]:
    """Set limits of a project or of a user in it; return all of them.

    Without `force`, a limit below what is in use, or a user's above the project's, is refused.
    """

    def write(tx: Transaction) -> dict[str, int]:
        quota.lock(tx, quotas, project_id)
        if not force:
            most = limits.of(tx, ctx, project_id) if user_id is not None else {}
            used = rows.usage(tx, project_id, user_id)
            for resource, limit in changes.items():
                _refuse_senseless(resource, limit, used.get(resource, 0), most.get(resource, UNLIMITED))
        if user_id is None:
            quota.set_limits(tx, quotas, project_id, changes)
            return limits.of(tx, ctx, project_id)
        rows.set_user_limits(tx, project_id, user_id, changes)
        return limits.of_user(tx, ctx, project_id, user_id)

    return ctx.db.run(write)


def _refuse_senseless(resource: str, limit: int, used: int, most: int) -> None:
    if 0 <= limit < used:
        raise BadRequest(
            f"Quota limit {limit} for {resource} must be greater than or equal to already used and reserved {used}."
        )
    if most >= 0 and not 0 <= limit <= most:
        raise BadRequest(f"Quota limit {limit} for {resource} must be less than or equal to {most}.")


def clear(ctx: Context, project_id: str, user_id: str | None) -> None:
    """Return a project with all its users, or one user in it, to the limits that others have."""

    def write(tx: Transaction) -> None:
        rows.clear_user_limits(tx, project_id, user_id)
        if user_id is None:
            quota.clear_limits(tx, quotas, project_id)

    ctx.db.run(write)
