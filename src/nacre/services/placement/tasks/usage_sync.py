"""Compare the sums that placement keeps with the allocations that they are sums of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nacre.kernel.context import Context
from nacre.kernel.drift import Drift, Sweep, healed
from nacre.services.placement.db import drift

WRONG, ORPHANED = "usage_wrong", "allocation_without_provider"


def _page(ctx: Context, after: str, limit: int) -> Sequence[str]:
    return ctx.db.read(drift.providers_after, after, limit)


def check(ctx: Context, uuid: str) -> Iterator[Drift]:
    """Put right what is said to be used of one provider."""
    if not ctx.db.read(drift.exists, uuid):
        # Whoever reports the host makes its provider again, and who is on it claims again.
        ctx.db.run(drift.drop_allocations, uuid)
        yield healed(ORPHANED, uuid, "There were allocations of this provider, and no provider.")
    elif ctx.db.read(drift.wrong_sums, uuid):
        for each in ctx.db.run(drift.mend_sums, uuid):
            text = f"{each.said} {each.resource_class} were said to be used; allocated are {each.real}."
            yield healed(WRONG, uuid, text)


SWEEP = Sweep(
    "usage_sync", kinds=(WRONG, ORPHANED), page=_page, key=lambda uuid: uuid, check=check, at_once=200
)
