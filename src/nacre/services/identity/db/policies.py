"""Policy documents that identity keeps for other programs."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import policies
from nacre.services.identity.errors import PolicyNotFound


class Policy(msgspec.Struct, frozen=True):
    """A document; identity does not read it."""

    id: str
    type: str
    blob: str
    extra: dict[str, Any]


def get(tx: Transaction, policy_id: str) -> Policy:
    """Return a policy."""
    query = select(policies).where(policies.c.id == policy_id)
    return tx.one(query, Policy, otherwise=PolicyNotFound(policy_id))


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[Policy]:
    """Return a page of policies."""
    return page(tx, select(policies).where(*conditions(policies.c, wanted)), Policy, policies, asked)


def insert(tx: Transaction, policy: Policy) -> None:
    """Add a policy."""
    tx.insert(policies, policy)


def update(tx: Transaction, policy_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a policy."""
    if changes:
        tx.update(policies, policy_id, changes)


def delete(tx: Transaction, policy_id: str) -> None:
    """Remove a policy."""
    tx.delete(policies, policy_id)
