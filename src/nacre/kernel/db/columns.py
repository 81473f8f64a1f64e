"""Column types that mean the same on SQLite, PostgreSQL and MariaDB.

The three engines disagree about time zones, about the length of texts and, worst, about what is
equal: MariaDB folds case and ignores trailing blanks, PostgreSQL sorts by the language of the
database.  The types here settle it: text is compared and sorted by its bytes everywhere, moments
are aware UTC datetimes with microseconds going in and coming out.

    servers = Table(
        "servers", metadata,
        column("id", Id, key=True),
        column("project_id", Id),
        column("name", Name),
        column("state", OneOf(ServerState)),
        column("host", Name, null=True),
        column("tags", Json(list[str])),
        column("created_at", UtcDateTime),
        Index("servers_by_project", "project_id", "created_at", "id"),
    )
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any] | None

_BYTEWISE_MARIADB = "utf8mb4_nopad_bin"
_BYTEWISE_MYSQL = "utf8mb4_bin"


def sized(length: int) -> String:
    """Return the type of a text of at most `length` characters (191 or less can always be indexed)."""
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(String(length, collation=_BYTEWISE_MARIADB), "mariadb")
        .with_variant(String(length, collation=_BYTEWISE_MYSQL), "mysql")
    )


def _long_text() -> Text:
    return (
        Text()
        .with_variant(Text(collation="C"), "postgresql")
        .with_variant(mysql.LONGTEXT(collation=_BYTEWISE_MARIADB), "mariadb")
        .with_variant(mysql.LONGTEXT(collation=_BYTEWISE_MYSQL), "mysql")
    )


#: A UUID with or without dashes, or any other id of at most 36 characters.
Id = sized(36)
#: What a person calls a thing, and everything else of one line.
Name = sized(255)
#: Text of any length: descriptions, key material, user data.  Cannot be indexed.
LongText = _long_text()
#: A whole number of 64 bits: bytes, generations, counters.
Big = BigInteger()
#: A primary key that the database counts up by itself.
Serial = BigInteger().with_variant(Integer, "sqlite")
#: Bytes of any length.
Bytes = LargeBinary().with_variant(mysql.LONGBLOB, "mysql", "mariadb")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept to the microsecond and always given back in UTC.

    SQLite keeps readable text of constant width, so that comparing the text compares the moments.
    """

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(String(32))

    def bind_processor(self, dialect: Dialect) -> Processor:
        return _BIND_MOMENT.get(dialect.name, _moment_as_text)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _READ_MOMENT.get(dialect.name, _moment_from_text)


def _checked(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone cannot be stored: {moment!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _moment_as_text(moment: datetime | None) -> str | None:
    return None if moment is None else _checked(moment).isoformat(" ", "microseconds")


def _moment_from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _moment_as_naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else _checked(moment).replace(tzinfo=None)


def _moment_from_naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _moment_as_aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else _checked(moment)


def _moment_from_aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


_BIND_MOMENT = {"postgresql": _moment_as_aware, "mysql": _moment_as_naive, "mariadb": _moment_as_naive}
_READ_MOMENT = {
    "postgresql": _moment_from_aware,
    "mysql": _moment_from_naive,
    "mariadb": _moment_from_naive,
}


class Json(TypeDecorator[Any]):
    """A value kept as JSON text, read back as the type that is given: `Json(list[Address])`.

    Without a type plain dicts, lists and strings come back.  Replace such a value, never change it
    in place.  What must be searched or sorted deserves a column of its own.
    """

    impl = LongText
    cache_ok = True

    def __init__(self, type: Any = Any) -> None:
        super().__init__()
        self.type = type
        self._decode = msgspec.json.Decoder(type).decode

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LongText)

    def bind_processor(self, dialect: Dialect) -> Processor:
        encode = msgspec.json.Encoder().encode
        return lambda value: None if value is None else encode(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        decode = self._decode
        return lambda text: None if text is None else decode(text)


class _Members(dict[str | None, StrEnum | None]):
    """The members of an enumeration by their texts; a look-up is several times as quick as calling the class."""

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__({None: None} | {member.value: member for member in members})
        self._members = members

    def __missing__(self, text: str) -> StrEnum:
        return self._members(text)


class OneOf(TypeDecorator[Any]):
    """A member of a StrEnum, kept as its text: `OneOf(ServerState)`.

    New members need no migration; a text that is no member any more is refused when it is read.
    """

    impl = String(64)
    cache_ok = True

    def __init__(self, members: type[StrEnum], length: int = 64) -> None:
        super().__init__()
        self.members, self.length = members, length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sized(self.length))

    def bind_processor(self, dialect: Dialect) -> Processor:
        members = self.members
        return lambda value: None if value is None else members(value).value

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _Members(self.members).__getitem__


def column(
    name: str, type: Any, *args: Any, key: bool = False, null: bool = False, **options: Any
) -> Column[Any]:
    """Return a column that holds a value in every row, unless `null` says otherwise.

    `key` makes it (part of) the primary key; the rest goes to SQLAlchemy's Column.
    """
    return Column(name, type, *args, primary_key=key, nullable=null, **options)


def new_metadata() -> MetaData:
    """Return the empty list of a service's tables; constraints get names that migrations can use."""
    return MetaData(
        naming_convention={
            "ix": "%(table_name)s_by_%(column_0_N_name)s",
            "uq": "%(table_name)s_one_%(column_0_N_name)s",
            "fk": "%(table_name)s_to_%(referred_table_name)s_%(column_0_N_name)s",
            "pk": "%(table_name)s_key",
        }
    )
