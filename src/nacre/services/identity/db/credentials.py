"""Credentials: secrets that identity keeps for users, such as EC2 keys; their contents are sealed."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import credentials
from nacre.services.identity.errors import CredentialNotFound


class Credential(msgspec.Struct, frozen=True):
    """A secret of a user; `sealed_blob` is its content, encrypted."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    sealed_blob: str
    extra: dict[str, Any]
    application_credential_id: str | None = None
    trust_id: str | None = None

    def __repr__(self) -> str:
        return f"Credential(id={self.id!r}, type={self.type!r})"


def get(tx: Transaction, credential_id: str) -> Credential:
    """Return a credential."""
    query = select(credentials).where(credentials.c.id == credential_id)
    return tx.one(query, Credential, otherwise=CredentialNotFound(credential_id))


def find(tx: Transaction, credential_id: str) -> Credential | None:
    """Return a credential, or None."""
    return tx.find(select(credentials).where(credentials.c.id == credential_id), Credential)


def index(
    tx: Transaction, wanted: Mapping[str, object], asked: Page, *where: ColumnElement[bool]
) -> list[Credential]:
    """Return a page of credentials."""
    query = select(credentials).where(*conditions(credentials.c, wanted), *where)
    return page(tx, query, Credential, credentials, asked)


def count(tx: Transaction, user_id: str) -> int:
    """Return how many credentials a user has."""
    return tx.count(credentials, credentials.c.user_id == user_id)


def sealed_blobs(tx: Transaction, user_id: str, type: str) -> list[str]:
    """Return the sealed contents of a user's credentials of one type."""
    columns = credentials.c
    return tx.scalars(select(columns.sealed_blob).where(columns.user_id == user_id, columns.type == type))


def insert(tx: Transaction, credential: Credential) -> None:
    """Add a credential."""
    tx.insert(credentials, credential)


def update(tx: Transaction, credential_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a credential."""
    if changes:
        tx.update(credentials, credential_id, changes)


def delete(tx: Transaction, credential_id: str) -> None:
    """Remove a credential."""
    tx.delete(credentials, credential_id)


def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Remove a user's credentials."""
    tx.delete(credentials, credentials.c.user_id == user_id)


def delete_of_project(tx: Transaction, project_id: str) -> None:
    """Remove the credentials for a project."""
    tx.delete(credentials, credentials.c.project_id == project_id)


def delete_of_application_credential(tx: Transaction, user_id: str, id: str) -> None:
    """Remove what a user made with an application credential."""
    tx.delete(
        credentials, (credentials.c.user_id == user_id) & (credentials.c.application_credential_id == id)
    )
