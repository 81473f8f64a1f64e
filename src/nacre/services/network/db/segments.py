"""Which VLANs, VXLANs and wires are taken: one row each, so that the database refuses the second taker."""

from sqlalchemy import func, not_, select

from nacre.kernel.db import Transaction
from nacre.services.network.db.tables import segments

Range = tuple[int, int]


def claim(tx: Transaction, kind: str, physical_network: str, segmentation_id: int, network_id: str) -> bool:
    """Take a segment; False when somebody has it."""
    return tx.insert_if_absent(
        segments,
        {
            "kind": kind,
            "physical_network": physical_network,
            "segmentation_id": segmentation_id,
            "network_id": network_id,
        },
    )


def claim_free(
    tx: Transaction, kind: str, physical_network: str, ranges: tuple[Range, ...], network_id: str
) -> int | None:
    """Take any free segment of these ranges; None when all are taken."""
    for first, last in ranges:
        while (candidate := _free(tx, kind, physical_network, first, last)) is not None:
            if claim(tx, kind, physical_network, candidate, network_id):
                return candidate
    return None


def _free(tx: Transaction, kind: str, physical_network: str, first: int, last: int) -> int | None:
    """Return the number behind the highest one in use, or else the lowest gap."""
    mine = (segments.c.kind == kind) & (segments.c.physical_network == physical_network)
    within = mine & segments.c.segmentation_id.between(first, last)
    highest = tx.scalar(select(func.max(segments.c.segmentation_id)).where(within))
    if highest is None:
        return first
    if highest < last:
        return int(highest) + 1
    if not tx.exists(select(segments.c.network_id).where(mine, segments.c.segmentation_id == first)):
        return first
    after = segments.alias()
    taken = (
        select(after.c.network_id)
        .where(
            after.c.kind == kind,
            after.c.physical_network == physical_network,
            after.c.segmentation_id == segments.c.segmentation_id + 1,
        )
        .exists()
    )
    gap = select(segments.c.segmentation_id + 1).where(
        mine, segments.c.segmentation_id.between(first, last - 1), not_(taken)
    )
    return tx.scalar(gap.order_by(segments.c.segmentation_id).limit(1))


def release(tx: Transaction, network_id: str) -> None:
    """Give a network's segment back."""
    tx.delete(segments, segments.c.network_id == network_id)
