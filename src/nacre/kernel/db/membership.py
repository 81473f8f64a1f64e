"""One of several: the condition for `WHERE id IN (…)` with values that are given when the statement runs.

A statement with it is built once, with its module, and costs a quarter of one that is built at each call.  SQLite
is handed all values as one list in JSON, so that the statement's text is the same for one value and for a
thousand, and SQLAlchemy need not write it anew each time; the other engines get a parameter for each.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Dialect,
    String,
    TypeDecorator,
    bindparam,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeEngine


def among(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """Return the condition that a column is one of several; `name` is the parameter that they come in."""
    return Among(column, name)


class Among(ColumnElement[bool]):
    """See `among`: the condition in both of its forms, of which the engine picks one."""

    __visit_name__ = "among"
    inherit_cache = True
    type = Boolean()
    _traverse_internals = [
        ("spread", InternalTraversal.dp_clauseelement),
        ("listed", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        values = func.json_each(bindparam(name, type_=_Listed(column.type))).table_valued("value")
        self.spread = column.in_(bindparam(name, expanding=True))
        self.listed = column.in_(select(values.c.value))

    @property
    def _from_objects(self) -> Any:
        return self.spread._from_objects

    def self_group(self, against: Any = None) -> Any:
        """Stand in WHERE as it is: made comparable ("… = 1", without BOOLEAN), it would find no index."""
        return self


@compiles(Among)
def _spread(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.spread, **options)


@compiles(Among, "sqlite")
def _listed(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.listed, **options)


class _Listed(TypeDecorator[Any]):
    """Values of one type as a JSON list."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def bind_processor(self, dialect: Dialect) -> Any:
        process = self.item.dialect_impl(dialect).bind_processor(dialect)

        def encode(values: Iterable[Any]) -> str:
            plain = [process(value) for value in values] if process else list(values)
            return msgspec.json.encode(plain).decode()

        return encode
