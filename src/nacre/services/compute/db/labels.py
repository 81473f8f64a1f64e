"""What users write on servers: metadata (key and value) and tags."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import and_, select

from nacre.kernel.db import Transaction, among
from nacre.services.compute.db.tables import server_metadata, server_tags

_METADATA = select(server_metadata).where(among(server_metadata.c.server_id)).order_by(server_metadata.c.key)
_TAGS = select(server_tags).where(among(server_tags.c.server_id)).order_by(server_tags.c.tag)


def metadata_of(tx: Transaction, server_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the metadata of several servers: server id → key → value."""
    found: dict[str, dict[str, str]] = {server_id: {} for server_id in server_ids}
    items: Any = tx.execute(_METADATA, {"ids": list(server_ids)})
    for server_id, key, value in items:
        found[server_id][key] = value
    return found


def metadata(tx: Transaction, server_id: str) -> dict[str, str]:
    """Return one server's metadata."""
    return metadata_of(tx, [server_id])[server_id]


def set_metadata(tx: Transaction, server_id: str, items: dict[str, str]) -> None:
    """Add or change single items."""
    gone = and_(server_metadata.c.server_id == server_id, server_metadata.c.key.in_(list(items)))
    tx.delete(server_metadata, gone)
    tx.insert_all(
        server_metadata,
        [{"server_id": server_id, "key": key, "value": value} for key, value in items.items()],
    )


def replace_metadata(tx: Transaction, server_id: str, items: dict[str, str]) -> None:
    """Make these the only items."""
    tx.delete(server_metadata, server_metadata.c.server_id == server_id)
    set_metadata(tx, server_id, items)


def delete_metadata(tx: Transaction, server_id: str, key: str) -> bool:
    """Remove one item; tell whether it was there."""
    which = and_(server_metadata.c.server_id == server_id, server_metadata.c.key == key)
    return bool(tx.delete(server_metadata, which))


def tags_of(tx: Transaction, server_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the tags of several servers: server id → tags in order."""
    found: dict[str, list[str]] = {server_id: [] for server_id in server_ids}
    tagged: Any = tx.execute(_TAGS, {"ids": list(server_ids)})
    for server_id, tag in tagged:
        found[server_id].append(tag)
    return found


def tags(tx: Transaction, server_id: str) -> list[str]:
    """Return one server's tags."""
    return tags_of(tx, [server_id])[server_id]


def add_tag(tx: Transaction, server_id: str, tag: str) -> bool:
    """Add a tag; tell whether it is new."""
    return tx.insert_if_absent(server_tags, {"server_id": server_id, "tag": tag})


def replace_tags(tx: Transaction, server_id: str, tags: Iterable[str]) -> None:
    """Make these the only tags."""
    tx.delete(server_tags, server_tags.c.server_id == server_id)
    tx.insert_all(server_tags, [{"server_id": server_id, "tag": tag} for tag in tags])


def delete_tag(tx: Transaction, server_id: str, tag: str) -> bool:
    """Remove one tag; tell whether it was there."""
    which = and_(server_tags.c.server_id == server_id, server_tags.c.tag == tag)
    return bool(tx.delete(server_tags, which))
