"""Whose things a caller may see: its own project's and what is shared, or everything."""

from nacre.kernel.context import Context


def reach(ctx: Context) -> str | None:
    """Return the project whose sight applies; None for those who see everything."""
    if ctx.is_admin or "service" in ctx.roles:
        return None
    return ctx.project_id or ""


def viewer(ctx: Context) -> str | None:
    """Return the project for which "shared with me" is meant."""
    return ctx.project_id
