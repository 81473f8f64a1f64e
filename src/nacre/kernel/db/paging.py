"""One page of a long list, found by where the last page ended and not by counting rows.

A caller gives the id of the last row it has seen (the marker), a limit and sort keys; the page
starts right behind the marker in that order.  So the thousandth page costs as much as the first and
no row is shown twice when others come and go.  The primary key is always the last sort key, which
makes the order total; rows without a value sort before all others, on every engine.

    query = select(servers).where(servers.c.project_id == ctx.project_id)
    page(tx, query, Server, servers, Page(limit=100, marker=marker, sort=(Sort("name"), Sort("id", "desc"))))
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Table, and_, bindparam, false, or_, select

from nacre.kernel.db.records import build_all
from nacre.kernel.db.transaction import Transaction
from nacre.kernel.errors import BadRequest

T = TypeVar("T")
Direction = Literal["asc", "desc"]


class MarkerNotFound(BadRequest):
    """The row behind which the page should start does not exist; `marker` is what was asked for."""

    def __init__(self, marker: str) -> None:
        super().__init__(f"marker [{marker}] not found")
        self.marker = marker


class UnknownSortKey(BadRequest):
    """A list cannot be sorted by that."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Sort key {key} is not supported.")
        self.key = key


class Sort(msgspec.Struct, frozen=True):
    """Sort by a column, "asc" or "desc"."""

    key: str
    direction: Direction = "asc"


class Page(msgspec.Struct, frozen=True):
    """Which part of a list: at most `limit` rows behind the marker, or after skipping `offset` rows.

    `backwards` asks for the rows *before* the marker, still in the order of `sort`.
    """

    limit: int | None = None
    marker: str | None = None
    sort: tuple[Sort, ...] = ()
    offset: int = 0
    backwards: bool = False


EVERYTHING = Page()

#: More than any list has; MariaDB skips no rows without a limit.
UNLIMITED = 2**63 - 1

_Shape = tuple[object, ...]
_first_pages: WeakKeyDictionary[Select[Any], dict[_Shape, Select[Any]]] = WeakKeyDictionary()
"""What became of a query for a page without a marker, as long as there is the query: one that is built only once
has its pages built only once."""


class _Key(msgspec.Struct, frozen=True):
    """A column to sort by, and which way to walk along it for this page."""

    column: Any
    descending: bool

    @property
    def nullable(self) -> bool:
        return getattr(self.column, "nullable", True)


def page(
    tx: Transaction,
    query: Select[Any],
    record: type[T],
    table: Table,
    page: Page = EVERYTHING,
    *,
    keys: Mapping[str, Any] | None = None,
    marker_column: ColumnElement[Any] | None = None,
    visible: ColumnElement[bool] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[T]:
    """Return one page of a query as records, in the order that the page asks for.

    `keys` names what may be sorted by (the table's columns unless given; another column of the
    query's joins may stand behind a name), the same for each page of one query.  The marker is looked up by
    `marker_column` (the table's first primary key column) among all rows, whether or not they pass the query's
    filters, because a row may have changed since the last page; `visible` restricts it to what the caller may know
    of.  `values` are those of the query's own parameters.  Raises MarkerNotFound and UnknownSortKey.
    """
    bounds = dict(values or {})
    if page.limit is not None or page.offset:
        bounds["page_limit"] = UNLIMITED if page.limit is None else page.limit
    if page.offset:
        bounds["page_offset"] = page.offset
    if page.marker is None:
        query = _first_page(tx, query, table, page, keys)
    else:
        walk = _walk(table, page, keys)
        key = list(table.primary_key)[0] if marker_column is None else marker_column
        lookup = _marker_values(tx, query, walk, key, page.marker, visible)
        query = _arranged(tx, query.where(_behind(walk, lookup)), walk, page)
    rows = build_all(tx.execute(query, bounds), record)
    return rows[::-1] if page.backwards else rows


def _first_page(
    tx: Transaction, query: Select[Any], table: Table, page: Page, keys: Mapping[str, Any] | None
) -> Select[Any]:
    known = _first_pages.setdefault(query, {})
    shape = (tx.db.kind, table, page.sort, page.backwards, page.limit is None, not page.offset)
    found = known.get(shape)
    if found is None:
        found = known[shape] = _arranged(tx, query, _walk(table, page, keys), page)
    return found


def _arranged(tx: Transaction, query: Select[Any], walk: list[_Key], page: Page) -> Select[Any]:
    """Return the query in the order of a page and within its bounds, which are parameters."""
    query = query.order_by(None).order_by(*[_order(tx, key) for key in walk])
    if page.limit is not None or page.offset:
        query = query.limit(bindparam("page_limit", type_=BigInteger))
    if page.offset:
        query = query.offset(bindparam("page_offset", type_=BigInteger))
    return query


def _walk(table: Table, page: Page, keys: Mapping[str, Any] | None) -> list[_Key]:
    """Return the sort keys of a page, completed by the primary key so that no two rows are equal."""
    keys = dict(table.c) if keys is None else keys
    walk: list[_Key] = []
    for sort in page.sort:
        if sort.key not in keys:
            raise UnknownSortKey(sort.key)
        if all(keys[sort.key] is not key.column for key in walk):
            walk.append(_Key(keys[sort.key], (sort.direction == "desc") != page.backwards))
    descending = walk[-1].descending if walk else page.backwards
    for column in table.primary_key:
        if all(column is not key.column for key in walk):
            walk.append(_Key(column, descending))
    return walk


def _marker_values(
    tx: Transaction,
    query: Select[Any],
    walk: list[_Key],
    key: ColumnElement[Any],
    marker: str,
    visible: ColumnElement[bool] | None,
) -> tuple[Any, ...]:
    """Return the marker row's values of the sort keys."""
    lookup = select(*[each.column for each in walk]).select_from(*query.get_final_froms())
    counted = isinstance(key.type, Integer)
    if counted and not marker.isdecimal():
        raise MarkerNotFound(marker)
    lookup = lookup.where(key == (int(marker) if counted else marker)).limit(1)
    row = tx.execute(lookup if visible is None else lookup.where(visible)).first()
    if row is None:
        raise MarkerNotFound(marker)
    return tuple(row)


def _behind(walk: list[_Key], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Return the condition that a row comes after the one with these values.

    For keys (a, b): a > A or (a = A and b > B); with `a >= A` once more in front, because that is
    the part for which every engine uses an index.
    """
    clause: ColumnElement[bool] = false()
    for key, value in reversed(list(zip(walk, values, strict=True))):
        equal = key.column.is_(None) if value is None else key.column == value
        clause = or_(_after(key, value), and_(equal, clause))
    first, value = walk[0], values[0]
    if value is not None and not first.nullable:
        clause = and_(first.column <= value if first.descending else first.column >= value, clause)
    return clause


def _after(key: _Key, value: object) -> ColumnElement[bool]:
    """Return the condition that a row comes after the value in this key; no value is the smallest."""
    if value is None:
        return false() if key.descending else key.column.is_not(None)
    if not key.descending:
        return key.column > value
    return or_(key.column < value, key.column.is_(None)) if key.nullable else key.column < value


def _order(tx: Transaction, key: _Key) -> Any:
    order = key.column.desc() if key.descending else key.column.asc()
    if tx.db.kind == "postgresql" and key.nullable:  # the others sort NULL first by themselves
        return order.nulls_last() if key.descending else order.nulls_first()
    return order
