"""Projects, and domains, which are the projects that have no domain above them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, func, literal, select

from nacre.kernel.db import Page, Transaction, among, conditions, page
from nacre.services.identity.db.tables import project_tags, projects
from nacre.services.identity.errors import DomainNotFound, ProjectNotFound

#: `domain_id` of a project that is itself a domain.
NO_DOMAIN = ""


class Project(msgspec.Struct, frozen=True):
    """A project or a domain; `tags` are read apart from the row."""

    id: str
    domain_id: str
    parent_id: str | None
    name: str
    description: str
    enabled: bool
    options: dict[str, Any]
    extra: dict[str, Any]
    tokens_valid_from: datetime | None = None
    tags: tuple[str, ...] = ()

    @property
    def is_domain(self) -> bool:
        return self.domain_id == NO_DOMAIN

    @property
    def own_domain_id(self) -> str:
        """The domain that it belongs to, which for a domain is itself."""
        return self.domain_id or self.id


class Tag(msgspec.Struct, frozen=True):
    """A word that a project is marked with."""

    project_id: str
    name: str


def columns(project: Project) -> dict[str, Any]:
    """Return a project as a row."""
    values = msgspec.structs.asdict(project)
    del values["tags"]
    return values


def get(tx: Transaction, project_id: str) -> Project:
    """Return a project (or domain) with its tags."""
    found = find(tx, project_id)
    if found is None:
        raise ProjectNotFound(project_id)
    return found


def get_domain(tx: Transaction, domain_id: str) -> Project:
    """Return a domain."""
    found = find(tx, domain_id)
    if found is None or not found.is_domain:
        raise DomainNotFound(domain_id)
    return found


def find(tx: Transaction, project_id: str) -> Project | None:
    """Return a project or domain, or None."""
    found = find_untagged(tx, project_id)
    return found and with_tags(tx, [found])[0]


# Every log-in and every validation of a token asks these and `ancestor_ids`, so the statements are built once.
_BY_ID = select(projects).where(projects.c.id == bindparam("project_id"))
_BY_NAME = select(projects).where(
    projects.c.domain_id == bindparam("domain_id"), projects.c.name == bindparam("project_name")
)
_TAGS = select(project_tags).where(among(project_tags.c.project_id)).order_by(*project_tags.primary_key)


def find_untagged(tx: Transaction, project_id: str) -> Project | None:
    """Return a project or domain without its tags, or None."""
    return tx.find(_BY_ID, Project, {"project_id": project_id})


def find_named(tx: Transaction, domain_id: str, name: str) -> Project | None:
    """Return the project of a domain by its name; a domain by its name where domain_id is NO_DOMAIN."""
    return tx.find(_BY_NAME, Project, {"domain_id": domain_id, "project_name": name})


def find_all(tx: Transaction, ids: Iterable[str]) -> dict[str, Project]:
    """Return those of the projects that exist, by id and without tags."""
    wanted = sorted(set(ids))
    found: dict[str, Project] = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        found |= {p.id: p for p in tx.all(select(projects).where(projects.c.id.in_(chunk)), Project)}
    return found


def index(
    tx: Transaction,
    wanted: Mapping[str, object],
    asked: Page,
    *,
    domains: bool,
    tags: Mapping[str, list[str]],
) -> list[Project]:
    """Return a page of projects, with or without domains; `tags` maps the four words of the API to names of tags."""
    query = _ALL if domains else _WITHOUT_DOMAINS
    if narrower := [*conditions(projects.c, wanted), *_tag_conditions(tags)]:
        query = query.where(*narrower)
    return with_tags(tx, page(tx, query, Project, projects, asked))


_ALL = select(projects)
_WITHOUT_DOMAINS = _ALL.where(projects.c.domain_id != NO_DOMAIN)


def _tag_conditions(tags: Mapping[str, list[str]]) -> list[ColumnElement[bool]]:
    """Turn tags, tags-any, not-tags and not-tags-any into conditions."""

    def holders(name: str) -> Any:
        return select(project_tags.c.project_id).where(project_tags.c.name == name)

    def holders_of_any(names: list[str]) -> Any:
        return select(project_tags.c.project_id).where(project_tags.c.name.in_(names))

    found: list[ColumnElement[bool]] = []
    if names := tags.get("tags"):
        found += [projects.c.id.in_(holders(name)) for name in names]
    if names := tags.get("tags-any"):
        found.append(projects.c.id.in_(holders_of_any(names)))
    if names := tags.get("not-tags"):
        all_of_them = (
            select(project_tags.c.project_id)
            .where(project_tags.c.name.in_(names))
            .group_by(project_tags.c.project_id)
            .having(func.count() == len(set(names)))
        )
        found.append(projects.c.id.not_in(all_of_them))
    if names := tags.get("not-tags-any"):
        found.append(projects.c.id.not_in(holders_of_any(names)))
    return found


def with_tags(tx: Transaction, found: list[Project]) -> list[Project]:
    """Return the projects with their tags, read by one query for many."""
    if not found:
        return found
    tags: dict[str, list[str]] = {}
    ids = [project.id for project in found]
    for start in range(0, len(ids), 500):
        for tag in tx.all(_TAGS, Tag, {"ids": ids[start : start + 500]}):
            tags.setdefault(tag.project_id, []).append(tag.name)
    return [
        msgspec.structs.replace(project, tags=tuple(tags[project.id])) if project.id in tags else project
        for project in found
    ]


# -- the tree ------------------------------------------------------------------------------------


def _ancestors() -> Select[Any]:
    chain = (
        select(projects.c.id, projects.c.parent_id, literal(0).label("height"))
        .where(projects.c.id == bindparam("project_id"))
        .cte("chain", recursive=True)
    )
    above = projects.alias("above")
    chain = chain.union_all(
        select(above.c.id, above.c.parent_id, chain.c.height + 1).where(above.c.id == chain.c.parent_id)
    )
    return select(chain.c.id).where(chain.c.height > 0).order_by(chain.c.height)


_ANCESTORS = _ancestors()


def ancestor_ids(tx: Transaction, project_id: str) -> list[str]:
    """Return the ids of the projects above, the nearest first, the domain last."""
    return tx.scalars(_ANCESTORS, {"project_id": project_id})


def subtree(tx: Transaction, project_id: str) -> list[Project]:
    """Return the projects below, parents before their children."""
    tree = (
        select(projects.c.id, literal(0).label("depth"))
        .where(projects.c.id == project_id)
        .cte("tree", recursive=True)
    )
    below = projects.alias("below")
    tree = tree.union_all(select(below.c.id, tree.c.depth + 1).where(below.c.parent_id == tree.c.id))
    query = (
        select(projects)
        .join(tree, tree.c.id == projects.c.id)
        .where(tree.c.depth > 0)
        .order_by(tree.c.depth, projects.c.id)
    )
    return with_tags(tx, tx.all(query, Project))


# -- changes -------------------------------------------------------------------------------------


def insert(tx: Transaction, project: Project) -> None:
    """Add a project with its tags."""
    tx.insert(projects, columns(project))
    set_tags(tx, project.id, project.tags)


def update(tx: Transaction, project_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of a project."""
    if changes:
        tx.update(projects, project_id, changes)


def delete(tx: Transaction, project_id: str) -> None:
    """Remove a project and its tags."""
    tx.delete(project_tags, project_tags.c.project_id == project_id)
    tx.delete(projects, project_id)


def set_tags(tx: Transaction, project_id: str, names: Iterable[str]) -> None:
    """Replace a project's tags."""
    tx.delete(project_tags, project_tags.c.project_id == project_id)
    tx.insert_all(project_tags, [{"project_id": project_id, "name": name} for name in sorted(set(names))])


def add_tag(tx: Transaction, project_id: str, name: str) -> None:
    """Add a tag, unless it is there."""
    tx.insert_if_absent(project_tags, {"project_id": project_id, "name": name})


def remove_tag(tx: Transaction, project_id: str, name: str) -> bool:
    """Remove a tag; tell whether it was there."""
    return bool(tx.delete(project_tags, (project_id, name)))
