"""What every resource of this API has: an owner, a description, times, a revision number, and tags."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Executable, Select, Table, exists, func, not_, or_, select

from nacre.kernel.db import Page, Transaction, among, condition, page
from nacre.kernel.ids import new_id
from nacre.services.network.db.tables import tags
from nacre.services.network.errors import RevisionNumberConstraintFailed

T = TypeVar("T")
Wanted = Mapping[str, list[Any]]
"""Filters of a list: attribute → accepted values."""

Condition = Callable[[list[Any]], ColumnElement[bool]]

TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")
CHUNK = 500
"""How many ids are put into one statement."""

VIEWERS_KEPT = 1024
"""For how many projects the conditions are kept by which they see things; these follow from the project alone."""


def new_row(
    tx: Transaction, project_id: str, description: str = "", *, id: str | None = None
) -> dict[str, Any]:
    """Return the standard columns of a new resource."""
    now = tx.now()
    return {
        "id": id or new_id(),
        "project_id": project_id,
        "description": description,
        "revision_number": 1,
        "created_at": now,
        "updated_at": now,
    }


def revise(tx: Transaction, table: Table, id: str, values: Mapping[str, Any]) -> None:
    """Change a resource and count its revision up."""
    counted = {"revision_number": table.c.revision_number + 1, "updated_at": tx.now()}
    tx.update(table, table.c.id == id, {**values, **counted})


def lock(tx: Transaction, table: Table, id: str, expected: int | None = None) -> bool:
    """Hold a resource until the transaction ends; tells whether it is there.

    `expected` is the revision that the caller saw (`If-Match`); RevisionNumberConstraintFailed if it is not
    the present one.
    """
    if not tx.lock(table, id):
        return False
    if (
        expected is not None
        and tx.scalar(select(table.c.revision_number).where(table.c.id == id)) != expected
    ):
        raise RevisionNumberConstraintFailed(expected)
    return True


def listing(
    tx: Transaction,
    query: Select[Any],
    record: type[T],
    table: Table,
    wanted: Wanted,
    asked: Page,
    *,
    special: Mapping[str, Condition] | None = None,
    visible: ColumnElement[bool] | None = None,
) -> list[T]:
    """Return one page of those rows of a query that fit the filters.

    `special` holds the filters that are no plain columns.
    """
    for name, values in wanted.items():
        if special and name in special:
            query = query.where(special[name](values))
        elif name in TAG_FILTERS:
            query = query.where(_tag_condition(table, name, values))
        else:
            query = query.where(condition(table.c[name], values if len(values) != 1 else values[0]))
    if visible is not None:
        query = query.where(visible)
    return page(tx, query, record, table, asked, visible=visible)


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    """Cut a set of ids into pieces that fit into one statement."""
    everything = list(dict.fromkeys(ids))
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


def rows(tx: Transaction, query: Executable, params: Any = None) -> Iterable[Any]:
    """Return the bare rows of a query, to be taken apart at once."""
    return tx.execute(query, params).all()


# --- tags -------------------------------------------------------------------------------------------------


_TAGS = select(tags.c.resource_id, tags.c.tag).where(among(tags.c.resource_id)).order_by(tags.c.tag)


def tags_of(tx: Transaction, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the tags of resources; those without any are missing."""
    found: dict[str, list[str]] = {}
    for some in chunks(ids):
        for resource_id, tag in rows(tx, _TAGS, {"ids": some}):
            found.setdefault(resource_id, []).append(tag)
    return {resource_id: tuple(names) for resource_id, names in found.items()}


def set_tags(tx: Transaction, resource_id: str, names: Iterable[str]) -> None:
    """Give a resource these tags and no others."""
    tx.delete(tags, {"resource_id": resource_id})
    tx.insert_all(tags, [{"resource_id": resource_id, "tag": name} for name in dict.fromkeys(names)])


def add_tag(tx: Transaction, resource_id: str, name: str) -> bool:
    """Give a resource one more tag; tells whether it was new."""
    return tx.insert_if_absent(tags, {"resource_id": resource_id, "tag": name})


def remove_tag(tx: Transaction, resource_id: str, name: str) -> bool:
    """Take a tag away; tells whether it was there."""
    return tx.delete(tags, (resource_id, name)) > 0


def _tag_condition(table: Table, name: str, values: list[str]) -> ColumnElement[bool]:
    """Return the condition for a filter by tags; each value is a list separated by commas."""
    wanted = sorted({tag for value in values for tag in value.split(",") if tag})
    have_some = exists().where(tags.c.resource_id == table.c.id, tags.c.tag.in_(wanted))
    count = (
        select(func.count())
        .select_from(tags)
        .where(tags.c.resource_id == table.c.id, tags.c.tag.in_(wanted))
        .scalar_subquery()
    )
    match name:
        case "tags":
            return count == len(wanted)
        case "not-tags":
            return count < len(wanted)
        case "tags-any":
            return have_some
    return not_(have_some)


# --- who may see it ---------------------------------------------------------------------------------------


def owned_by(table: Table, project_id: str | None) -> ColumnElement[bool] | None:
    """Return the condition that a project owns a row; None when everything may be seen."""
    return None if project_id is None else table.c.project_id == project_id


def owned_or(
    table: Table, project_id: str | None, *others: ColumnElement[bool]
) -> ColumnElement[bool] | None:
    """Return the condition that a project owns a row or one of the others holds."""
    return None if project_id is None else or_(table.c.project_id == project_id, *others)
