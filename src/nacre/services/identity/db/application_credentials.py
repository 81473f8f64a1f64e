"""Application credentials: secrets that stand in for a user on one project, and their access rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, select

from nacre.kernel.db import Page, Transaction, conditions, page
from nacre.services.identity.db.tables import (
    access_rules,
    application_credential_access_rules,
    application_credential_roles,
    application_credentials,
)
from nacre.services.identity.errors import AccessRuleNotFound, ApplicationCredentialNotFound


class AccessRule(msgspec.Struct, frozen=True):
    """One request that the bearer of an application credential may make."""

    id: str
    user_id: str
    service: str
    method: str
    path: str


class ApplicationCredential(msgspec.Struct, frozen=True):
    """A secret of a user, good for some of the user's roles on one project."""

    id: str
    user_id: str
    project_id: str
    name: str
    description: str | None
    secret_hash: str
    expires_at: datetime | None
    unrestricted: bool
    role_ids: tuple[str, ...] = ()
    access_rules: tuple[AccessRule, ...] = ()

    def __repr__(self) -> str:
        return f"ApplicationCredential(id={self.id!r}, name={self.name!r})"


class HeldRole(msgspec.Struct, frozen=True):
    """A role that an application credential is good for."""

    application_credential_id: str
    role_id: str


class LinkedRule(msgspec.Struct, frozen=True):
    """An access rule together with an application credential that carries it."""

    application_credential_id: str
    id: str
    user_id: str
    service: str
    method: str
    path: str

    @property
    def rule(self) -> AccessRule:
        return AccessRule(self.id, self.user_id, self.service, self.method, self.path)


def get(tx: Transaction, id: str) -> ApplicationCredential:
    """Return an application credential with its roles and access rules."""
    found = find(tx, id)
    if found is None:
        raise ApplicationCredentialNotFound(id)
    return found


def find(tx: Transaction, id: str) -> ApplicationCredential | None:
    """Return an application credential, or None."""
    query = select(application_credentials).where(application_credentials.c.id == id)
    found = tx.find(query, ApplicationCredential)
    return found and _completed(tx, [found])[0]


def find_named(tx: Transaction, user_id: str, name: str) -> ApplicationCredential | None:
    """Return a user's application credential by its name, or None."""
    columns = application_credentials.c
    query = select(application_credentials).where(columns.user_id == user_id, columns.name == name)
    found = tx.find(query, ApplicationCredential)
    return found and _completed(tx, [found])[0]


def index(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[ApplicationCredential]:
    """Return a page of application credentials."""
    table = application_credentials
    query = select(table).where(*conditions(table.c, wanted))
    return _completed(tx, page(tx, query, ApplicationCredential, table, asked))


def count(tx: Transaction, user_id: str) -> int:
    """Return how many application credentials a user has."""
    return tx.count(application_credentials, application_credentials.c.user_id == user_id)


def _completed(tx: Transaction, found: list[ApplicationCredential]) -> list[ApplicationCredential]:
    """Add the roles and access rules, read by one query each."""
    if not found:
        return found
    ids = [credential.id for credential in found]
    roles: dict[str, list[str]] = {}
    table = application_credential_roles
    for held in tx.all(select(table).where(table.c.application_credential_id.in_(ids)), HeldRole):
        roles.setdefault(held.application_credential_id, []).append(held.role_id)
    rules: dict[str, list[AccessRule]] = {}
    links = application_credential_access_rules
    joined = (
        select(links.c.application_credential_id, access_rules)
        .join(links, links.c.access_rule_id == access_rules.c.id)
        .where(links.c.application_credential_id.in_(ids))
    )
    for linked in tx.all(joined, LinkedRule):
        rules.setdefault(linked.application_credential_id, []).append(linked.rule)
    return [
        msgspec.structs.replace(
            credential,
            role_ids=tuple(roles.get(credential.id, ())),
            access_rules=tuple(rules.get(credential.id, ())),
        )
        for credential in found
    ]


def insert(tx: Transaction, credential: ApplicationCredential) -> None:
    """Add an application credential with its roles and links to access rules."""
    values: dict[str, Any] = msgspec.structs.asdict(credential)
    role_ids, rules = values.pop("role_ids"), values.pop("access_rules")
    tx.insert(application_credentials, values)
    tx.insert_all(
        application_credential_roles,
        [{"application_credential_id": credential.id, "role_id": role_id} for role_id in role_ids],
    )
    tx.insert_all(
        application_credential_access_rules,
        [{"application_credential_id": credential.id, "access_rule_id": rule.id} for rule in rules],
    )


def delete_all(tx: Transaction, *where: ColumnElement[bool]) -> None:
    """Remove all application credentials that fit; their access rules stay."""
    ids = tx.scalars(select(application_credentials.c.id).where(*where))
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        for table in (application_credential_roles, application_credential_access_rules):
            tx.execute(delete(table).where(table.c.application_credential_id.in_(chunk)))
        tx.execute(delete(application_credentials).where(application_credentials.c.id.in_(chunk)))


def delete_one(tx: Transaction, id: str) -> None:
    """Remove an application credential."""
    delete_all(tx, application_credentials.c.id == id)


def delete_of_user(tx: Transaction, user_id: str, project_id: str | None = None) -> None:
    """Remove a user's application credentials, on one project or everywhere."""
    where = [application_credentials.c.user_id == user_id]
    if project_id is not None:
        where.append(application_credentials.c.project_id == project_id)
    delete_all(tx, *where)


def delete_of_project(tx: Transaction, project_id: str) -> None:
    """Remove the application credentials of a project."""
    delete_all(tx, application_credentials.c.project_id == project_id)


# -- access rules ----------------------------------------------------------------------------------


def get_rule(tx: Transaction, user_id: str, rule_id: str) -> AccessRule:
    """Return an access rule of a user."""
    query = select(access_rules).where(access_rules.c.id == rule_id, access_rules.c.user_id == user_id)
    return tx.one(query, AccessRule, otherwise=AccessRuleNotFound(rule_id))


def find_rule(tx: Transaction, rule: AccessRule) -> AccessRule | None:
    """Return a user's rule that says the same, or None."""
    query = select(access_rules).where(
        access_rules.c.user_id == rule.user_id,
        access_rules.c.service == rule.service,
        access_rules.c.method == rule.method,
        access_rules.c.path == rule.path,
    )
    return tx.find(query, AccessRule)


def index_rules(tx: Transaction, wanted: Mapping[str, object], asked: Page) -> list[AccessRule]:
    """Return a page of access rules."""
    query = select(access_rules).where(*conditions(access_rules.c, wanted))
    return page(tx, query, AccessRule, access_rules, asked)


def insert_rule(tx: Transaction, rule: AccessRule) -> None:
    """Add an access rule."""
    tx.insert(access_rules, rule)


def rule_is_used(tx: Transaction, rule_id: str) -> bool:
    """Tell whether an application credential holds the rule."""
    links = application_credential_access_rules
    return tx.exists(select(links.c.access_rule_id).where(links.c.access_rule_id == rule_id))


def delete_rule(tx: Transaction, rule_id: str) -> None:
    """Remove an access rule."""
    tx.delete(access_rules, rule_id)


def delete_rules_of_user(tx: Transaction, user_id: str) -> None:
    """Remove a user's access rules."""
    tx.delete(access_rules, access_rules.c.user_id == user_id)
