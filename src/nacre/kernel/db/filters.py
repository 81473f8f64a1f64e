"""Where-clauses from what a caller wants to see: `?status=ACTIVE&created_at=gt:2026-01-01`.

The edge checks which fields may be asked for and parses the values; here a mapping of column names
to wishes becomes conditions that mean the same on every engine.  A wish is

    a value             equal to it; None asks for rows that have none
    a list, tuple, set  equal to one of them; an empty one matches nothing
    Match("gte", 5)     an operator, see OPERATORS
    [Match, Match]      all of them (a span of time)

    wanted = {"project_id": project_id, "name": Match("contains", "web")}
    tx.all(select(servers).where(*conditions(servers.c, wanted)), Server)

Comparing respects case, except for the operators that begin with `i`, which fold A–Z.  As in SQL, a
row without a value matches no operator, not even `ne`.  Regular expressions are left out on purpose:
each engine has its own, and a user's expression can keep one busy for hours.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, and_

Operator = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin",
    "contains", "starts", "ends", "icontains", "istarts", "iends", "ieq",
]  # fmt: skip

OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "in": lambda column, values: column.in_(list(values)),
    "nin": lambda column, values: column.not_in(list(values)),
    "contains": lambda column, text: column.contains(text, autoescape=True),
    "starts": lambda column, text: column.startswith(text, autoescape=True),
    "ends": lambda column, text: column.endswith(text, autoescape=True),
    "icontains": lambda column, text: column.icontains(text, autoescape=True),
    "istarts": lambda column, text: column.istartswith(text, autoescape=True),
    "iends": lambda column, text: column.iendswith(text, autoescape=True),
    "ieq": lambda column, text: column.ilike(_escaped(text), escape="/"),
}


class Match(msgspec.Struct, frozen=True):
    """A wish with an operator: Match("gt", moment)."""

    operator: Operator
    value: Any


def conditions(columns: Any, wanted: Mapping[str, object]) -> list[ColumnElement[bool]]:
    """Return the clauses for `query.where(*…)`, from a table's columns or a mapping of names to columns.

    An unknown column is a mistake of the caller (KeyError).
    """
    return [condition(columns[name], wish) for name, wish in wanted.items()]


def condition(column: Any, wish: object) -> ColumnElement[bool]:
    """Return the clause for one column."""
    if isinstance(wish, Match):
        return OPERATORS[wish.operator](column, wish.value)
    if isinstance(wish, list | tuple | set | frozenset):
        matches = [each for each in wish if isinstance(each, Match)]
        if matches:
            return and_(*[condition(column, each) for each in matches])
        return column.in_(list(wish))
    return column.is_(None) if wish is None else column == wish


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")
