"""The first things of a cloud: a domain, the roles, an administrator, a service user, the catalog.

It works on the service directly, without HTTP and without a token, because nobody can have one
yet.  Running it again changes only what differs: a password or an address that is given anew.
What an operator made or changed besides is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from nacre.kernel.db import Duplicate, Page
from nacre.kernel.ids import new_hex_id
from nacre.services.identity.app.state import change, state_of
from nacre.services.identity.app.users import DEFAULT_DOMAIN
from nacre.services.identity.db import catalog, projects, role_assignments, roles, tokens, users
from nacre.services.identity.db.projects import NO_DOMAIN, Project
from nacre.services.identity.db.role_assignments import SYSTEM_ID, Assignment
from nacre.services.identity.db.roles import GLOBAL, Role
from nacre.services.identity.db.tables import Actor, Target
from nacre.services.identity.db.users import User

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction
    from nacre.kernel.service import Service

ROLES = ("admin", "manager", "member", "reader", "service")
#: Each role implies the next weaker one.
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))
TRIES = 10
INTERFACES = ("public", "internal", "admin")


class CatalogService(msgspec.Struct, frozen=True, kw_only=True):
    """A service to announce, with one address for all interfaces or one for each."""

    type: str
    name: str
    url: str
    urls: Mapping[str, str] = {}
    description: str = ""

    def url_of(self, interface: str) -> str:
        """Return the address for one kind of client."""
        return self.urls.get(interface, self.url)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user who must exist, with a role on a project and perhaps on the system."""

    name: str
    password: str
    project: str
    roles: tuple[str, ...]
    system_roles: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Account(name={self.name!r}, project={self.project!r})"


def bootstrap(
    service: Service,
    *,
    admin_password: str,
    service_user: str,
    service_password: str,
    service_project: str = "service",
    region: str = "RegionOne",
    catalog_services: Iterable[CatalogService] = (),
) -> None:
    """Make what a new cloud needs, or bring it up to date.  May run at every start, and in many processes at once."""
    ctx = service.background_context()
    accounts = (
        Account(
            name="admin", password=admin_password, project="admin", roles=("admin",), system_roles=("admin",)
        ),
        Account(
            name=service_user, password=service_password, project=service_project, roles=("admin", "service")
        ),
    )
    announced = tuple(catalog_services)
    for _ in range(TRIES):
        with suppress(Duplicate):  # another process made the same at the same moment: look what is left to do
            _make_all(ctx, accounts, region, announced)
            return
    _make_all(ctx, accounts, region, announced)


def _make_all(
    ctx: Context, accounts: tuple[Account, ...], region: str, announced: tuple[CatalogService, ...]
) -> None:
    hashes = {account.name: _hash_if_changed(ctx, account) for account in accounts}
    change(ctx, _make_roles)
    for account in accounts:
        change(ctx, _make_account, account, hashes[account.name])
    change(ctx, _make_catalog, region, announced)


def _hash_if_changed(ctx: Context, account: Account) -> str | None:
    """Return the hash of a password that is not the stored one, else None."""
    passwords = state_of(ctx.service).passwords
    user = ctx.db.read(users.find_named, DEFAULT_DOMAIN, account.name)
    if user is not None and passwords.verify(account.password, user.password_hash):
        return None
    return passwords.hash(account.password)


def _make_roles(tx: Transaction) -> None:
    if projects.find(tx, DEFAULT_DOMAIN) is None:
        projects.insert(tx, _project(DEFAULT_DOMAIN, "Default", domain_id=NO_DOMAIN, parent_id=None))
    ids = {}
    for name in ROLES:
        role = roles.find_named(tx, GLOBAL, name)
        if role is None:
            role = Role(new_hex_id(), GLOBAL, name, None, {"immutable": True}, {})
            roles.insert(tx, role)
        ids[name] = role.id
    for prior, implied in IMPLIED:
        roles.add_implication(tx, ids[prior], ids[implied])


def _project(id: str, name: str, *, domain_id: str, parent_id: str | None) -> Project:
    return Project(id, domain_id, parent_id, name, "", True, {}, {})


def _make_account(tx: Transaction, account: Account, password_hash: str | None) -> None:
    project = projects.find_named(tx, DEFAULT_DOMAIN, account.project)
    if project is None:
        project = _project(new_hex_id(), account.project, domain_id=DEFAULT_DOMAIN, parent_id=DEFAULT_DOMAIN)
        projects.insert(tx, project)
    user = users.find_named(tx, DEFAULT_DOMAIN, account.name)
    if user is None:
        user = _user(tx, account.name, password_hash)
        users.insert(tx, user)
    elif password_hash is not None:
        users.update(
            tx,
            user.id,
            {"password_hash": password_hash, "password_changed_at": tx.now(), "enabled": True},
        )
    for target, target_id, names in (
        (Target.PROJECT, project.id, account.roles),
        (Target.SYSTEM, SYSTEM_ID, account.system_roles),
    ):
        for name in names:
            role = roles.find_named(tx, GLOBAL, name)
            assert role is not None
            role_assignments.insert(tx, Assignment(Actor.USER, user.id, target, target_id, role.id))


def _user(tx: Transaction, name: str, password_hash: str | None) -> User:
    return User(
        id=new_hex_id(),
        domain_id=DEFAULT_DOMAIN,
        name=name,
        enabled=True,
        default_project_id=None,
        password_hash=password_hash,
        password_changed_at=tx.now(),
        password_expires_at=None,
        failed_logins=0,
        failed_login_at=None,
        options={},
        extra={},
        created_at=tx.now(),
    )


def _make_catalog(tx: Transaction, region: str, announced: tuple[CatalogService, ...]) -> None:
    tokens.advance(tx)  # first, for it makes processes that start together take turns: names are not unique
    if catalog.find_region(tx, region) is None:
        catalog.insert_region(tx, catalog.Region(region, None, "", {}))
    for each in announced:
        known = catalog.find_service(tx, each.type, each.name)
        if known is None:
            known = catalog.Service(new_hex_id(), each.type, each.name, each.description, True, {})
            catalog.insert_service(tx, known)
        present = {
            endpoint.interface: endpoint
            for endpoint in catalog.index_endpoints(tx, {"service_id": known.id, "region_id": region}, Page())
        }
        for interface in INTERFACES:
            _make_endpoint(tx, known.id, region, interface, each.url_of(interface), present.get(interface))


def _make_endpoint(
    tx: Transaction,
    service_id: str,
    region: str,
    interface: str,
    url: str,
    present: catalog.Endpoint | None,
) -> None:
    if present is None:
        catalog.insert_endpoint(
            tx, catalog.Endpoint(new_hex_id(), service_id, region, interface, url, True, {})
        )
    elif present.url != url:
        catalog.update_endpoint(tx, present.id, {"url": url})
