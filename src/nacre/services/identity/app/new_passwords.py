"""New passwords: which are acceptable, and what is stored of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nacre.services.identity.app.state import state_of
from nacre.services.identity.db import users
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import PasswordRefused

if TYPE_CHECKING:
    from nacre.kernel.context import Context


def columns(ctx: Context, password: str, *, chosen_by_user: bool) -> dict[str, Any]:
    """Return the columns that a new password sets; where the rules want it, it must be changed at once."""
    now = ctx.clock.now()
    _refuse_pattern(ctx, password)
    expires_at = None
    if ctx.config.password_expires_days is not None:
        expires_at = now + timedelta(days=ctx.config.password_expires_days)
    if ctx.config.change_password_upon_first_use and not chosen_by_user:
        expires_at = now
    return {
        "password_hash": state_of(ctx.service).passwords.hash(password),
        "password_changed_at": now,
        "password_expires_at": expires_at,
        "failed_logins": 0,
        "failed_login_at": None,
    }


def refuse_unsuitable(ctx: Context, user: User, password: str) -> None:
    """Raise PasswordRefused for a password that the user may not choose, or not now."""
    if user.options.get("lock_password"):
        raise PasswordRefused("The password of this user is locked and can only be set by an administrator.")
    _refuse_too_soon(ctx, user)
    keep = ctx.config.unique_last_passwords
    if not keep:
        return
    passwords = state_of(ctx.service).passwords
    earlier = ctx.db.read(users.last_passwords, user.id, keep - 1)
    if any(passwords.verify(password, known) for known in (user.password_hash, *earlier) if known):
        raise PasswordRefused(
            f"The new password cannot be identical to a previous password. The total number which "
            f"includes the new password must be unique is {keep}."
        )


def _refuse_too_soon(ctx: Context, user: User) -> None:
    minimum = ctx.config.minimum_password_age_days
    if not minimum or user.password_changed_at is None:
        return
    earliest = user.password_changed_at + timedelta(days=minimum)
    if ctx.clock.now() < earliest:
        raise PasswordRefused(f"The password may not be changed before {earliest:%Y-%m-%dT%H:%M:%SZ}.")


def _refuse_pattern(ctx: Context, password: str) -> None:
    pattern = ctx.config.password_pattern
    if pattern is not None and not re.match(pattern, password):
        wanted = ctx.config.password_pattern_description or "it does not match the pattern that is required"
        raise PasswordRefused(f"The password does not meet the requirements: {wanted}.")
