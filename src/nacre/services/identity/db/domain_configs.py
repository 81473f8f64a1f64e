"""Options that a domain has of its own (where its users are looked up, say)."""

from typing import Any

import msgspec
from sqlalchemy import and_, select

from nacre.kernel.db import Transaction
from nacre.services.identity.db.tables import domain_options


class Option(msgspec.Struct, frozen=True):
    """One option; a sensitive value is sealed."""

    domain_id: str
    group_name: str
    option_name: str
    value: Any
    sensitive: bool = False


def index(tx: Transaction, domain_id: str) -> list[Option]:
    """Return a domain's options."""
    query = select(domain_options).where(domain_options.c.domain_id == domain_id)
    return tx.all(query.order_by(*domain_options.primary_key), Option)


def put(tx: Transaction, option: Option) -> None:
    """Set an option."""
    key = (option.domain_id, option.group_name, option.option_name)
    changes = {"value": option.value, "sensitive": option.sensitive}
    if not tx.update(domain_options, key, changes):
        tx.insert_if_absent(domain_options, option)


def delete(
    tx: Transaction, domain_id: str, group_name: str | None = None, option_name: str | None = None
) -> int:
    """Remove a domain's options, or those of a group, or one; return how many there were."""
    which = domain_options.c.domain_id == domain_id
    if group_name is not None:
        which = and_(which, domain_options.c.group_name == group_name)
    if option_name is not None:
        which = and_(which, domain_options.c.option_name == option_name)
    return tx.delete(domain_options, which)
