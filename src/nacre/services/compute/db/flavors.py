"""Flavors in the database, and which projects may use the private ones."""

from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, and_, bindparam, or_, select

from nacre.kernel.db import Page, Sort, Transaction, page
from nacre.services.compute.db.tables import flavor_access, flavors
from nacre.services.compute.errors import FlavorNotFound


class Flavor(msgspec.Struct, frozen=True):
    """A size that servers come in."""

    id: str
    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int
    swap_mb: int
    rxtx_factor: float
    is_public: bool
    disabled: bool
    description: str | None
    extra_specs: dict[str, str]
    created_at: datetime
    updated_at: datetime | None = None


_BY_ID = (Sort("id"),)
_ALL = select(*[flavors.c[name] for name in Flavor.__struct_fields__])
_OPEN_TO = or_(
    flavors.c.is_public.is_(True),
    flavors.c.id.in_(
        select(flavor_access.c.flavor_id).where(flavor_access.c.project_id == bindparam("project_id"))
    ),
)
_ONE = _ALL.where(flavors.c.id == bindparam("flavor_id"))
_ONE_OPEN = _ONE.where(_OPEN_TO)


def find(tx: Transaction, flavor_id: str, project_id: str | None = None) -> Flavor | None:
    """Return a flavor; with a project, only one that the project may use."""
    if project_id is None:
        return tx.find(_ONE, Flavor, {"flavor_id": flavor_id})
    return tx.find(_ONE_OPEN, Flavor, {"flavor_id": flavor_id, "project_id": project_id})


def get(tx: Transaction, flavor_id: str, project_id: str | None = None) -> Flavor:
    """Return a flavor, or raise FlavorNotFound."""
    flavor = find(tx, flavor_id, project_id)
    if flavor is None:
        raise FlavorNotFound(flavor_id)
    return flavor


def index(
    tx: Transaction,
    asked: Page,
    *,
    project_id: str | None,
    is_public: bool | None,
    min_root_gb: int | None = None,
    min_memory_mb: int | None = None,
) -> list[Flavor]:
    """Return one page; with a project, only what it may use."""
    query = _listed(project_id is not None, is_public)
    if min_root_gb is not None:
        query = query.where(flavors.c.root_gb >= min_root_gb)
    if min_memory_mb is not None:
        query = query.where(flavors.c.memory_mb >= min_memory_mb)
    if not asked.sort:
        asked = msgspec.structs.replace(asked, sort=_BY_ID)
    values = {} if project_id is None else {"project_id": project_id}
    return page(tx, query, Flavor, flavors, asked, marker_column=flavors.c.id, values=values)


@cache
def _listed(of_project: bool, is_public: bool | None) -> Select[Any]:
    query = _ALL
    if of_project:
        query = query.where(_OPEN_TO)
    if is_public is not None:
        query = query.where(flavors.c.is_public.is_(is_public))
    return query


def insert(tx: Transaction, flavor: Flavor) -> None:
    """Add a flavor."""
    tx.insert(flavors, flavor)


def exists(tx: Transaction, *, id: str | None = None, name: str | None = None) -> bool:
    """Tell whether an id or a name is taken."""
    which = flavors.c.id == id if id is not None else flavors.c.name == name
    return tx.exists(select(flavors.c.id).where(which))


def update(tx: Transaction, flavor_id: str, **values: object) -> None:
    """Change a flavor; servers keep the copy that they were made with."""
    tx.update(flavors, flavors.c.id == flavor_id, {**values, "updated_at": tx.now()})


def lock(tx: Transaction, flavor_id: str) -> Flavor:
    """Hold a flavor's row and return it as it is now; raises FlavorNotFound."""
    tx.lock(flavors, flavors.c.id == flavor_id)
    return get(tx, flavor_id)


def delete(tx: Transaction, flavor_id: str) -> None:
    """Remove a flavor and who may use it."""
    tx.delete(flavor_access, flavor_access.c.flavor_id == flavor_id)
    if not tx.delete(flavors, flavors.c.id == flavor_id):
        raise FlavorNotFound(flavor_id)


def projects(tx: Transaction, flavor_id: str) -> list[str]:
    """Return the projects that may use a private flavor."""
    query = select(flavor_access.c.project_id).where(flavor_access.c.flavor_id == flavor_id)
    return tx.scalars(query.order_by(flavor_access.c.project_id))


def grant(tx: Transaction, flavor_id: str, project_id: str) -> bool:
    """Let a project use a flavor; tell whether that is new."""
    return tx.insert_if_absent(flavor_access, {"flavor_id": flavor_id, "project_id": project_id})


def revoke(tx: Transaction, flavor_id: str, project_id: str) -> bool:
    """Take that back; tell whether there was something to take."""
    which = and_(flavor_access.c.flavor_id == flavor_id, flavor_access.c.project_id == project_id)
    return bool(tx.delete(flavor_access, which))
