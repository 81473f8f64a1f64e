"""Every secret that is stored encrypted, wherever it stands: for encrypting it anew with another key."""

from collections.abc import Callable

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Transaction
from nacre.services.identity.db.tables import consumers, credentials, domain_options

BATCH = 500
Renew = Callable[[str], str]


class Sealed(msgspec.Struct, frozen=True):
    """A row's key and its encrypted text."""

    id: str
    text: str


def renew_credentials(tx: Transaction, after: str, renew: Renew) -> str | None:
    """Encrypt a batch of credentials anew; returns where to go on, None at the end.  May run twice."""
    query = select(credentials.c.id, credentials.c.sealed_blob.label("text"))
    found = tx.all(query.where(credentials.c.id > after).order_by(credentials.c.id).limit(BATCH), Sealed)
    for each in found:
        tx.update(credentials, each.id, {"sealed_blob": renew(each.text)})
    return found[-1].id if len(found) == BATCH else None


def renew_consumers(tx: Transaction, after: str, renew: Renew) -> str | None:
    """The same for the secrets of OAuth consumers."""
    query = select(consumers.c.id, consumers.c.sealed_secret.label("text"))
    found = tx.all(query.where(consumers.c.id > after).order_by(consumers.c.id).limit(BATCH), Sealed)
    for each in found:
        tx.update(consumers, each.id, {"sealed_secret": renew(each.text)})
    return found[-1].id if len(found) == BATCH else None


class SealedOption(msgspec.Struct, frozen=True):
    """The key and the encrypted value of a domain's option."""

    domain_id: str
    group_name: str
    option_name: str
    value: str


def renew_options(tx: Transaction, after: str, renew: Renew) -> str | None:
    """The same for the secrets among the options of domains, of which there are few."""
    query = select(domain_options).where(domain_options.c.sensitive.is_(True))
    for each in tx.all(query, SealedOption):
        key = (each.domain_id, each.group_name, each.option_name)
        tx.update(domain_options, key, {"value": renew(each.value)})
    return None
