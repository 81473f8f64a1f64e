"""Queries on members: the projects that an image is shared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.image.db.tables import MemberStatus, image_members
from nacre.services.image.errors import MemberExists, MemberNotFound


class Member(msgspec.Struct, frozen=True):
    """One project that an image is shared with; `project_id` is the image's owner."""

    image_id: str
    member_id: str
    status: MemberStatus
    created_at: datetime
    updated_at: datetime
    project_id: str = ""


def get(tx: Transaction, image_id: str, member_id: str) -> Member:
    """Return a member; raises MemberNotFound."""
    which = (image_members.c.image_id == image_id) & (image_members.c.member_id == member_id)
    return tx.one(select(image_members).where(which), Member, otherwise=MemberNotFound(member_id, image_id))


def of_image(tx: Transaction, image_id: str) -> list[Member]:
    """Return an image's members."""
    query = select(image_members).where(image_members.c.image_id == image_id)
    return tx.all(query.order_by(image_members.c.created_at, image_members.c.member_id), Member)


def count(tx: Transaction, image_id: str) -> int:
    """Return how many members an image has."""
    return tx.count(image_members, image_members.c.image_id == image_id)


def insert(tx: Transaction, image_id: str, member_id: str) -> Member:
    """Add a member, which has yet to accept; raises MemberExists."""
    now = tx.now()
    values = {
        "image_id": image_id,
        "member_id": member_id,
        "status": MemberStatus.PENDING,
        "created_at": now,
        "updated_at": now,
    }
    if not tx.insert_if_absent(image_members, values):
        raise MemberExists(member_id, image_id)
    return get(tx, image_id, member_id)


def update(tx: Transaction, image_id: str, member_id: str, values: Mapping[str, Any]) -> Member:
    """Change a member; raises MemberNotFound."""
    tx.update(image_members, (image_id, member_id), {**values, "updated_at": tx.now()})
    return get(tx, image_id, member_id)


def delete(tx: Transaction, image_id: str, member_id: str) -> None:
    """Remove a member; raises MemberNotFound."""
    if not tx.delete(image_members, (image_id, member_id)):
        raise MemberNotFound(member_id, image_id)
