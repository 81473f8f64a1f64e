"""Tables are carried from SQLite to a database server row by row, and the copy is proved to be the same."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from sqlalchemy import Boolean, Float, Table, select, text

from nacre.kernel.db import (
    Big,
    Bytes,
    Database,
    Id,
    Json,
    LongText,
    Name,
    OneOf,
    Schema,
    Serial,
    UtcDateTime,
    column,
    copying,
    new_metadata,
    prepare,
)
from nacre.kernel.db.copying import CopyFailed, copy, sum_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


metadata = new_metadata()
things = Table(
    "things",
    metadata,
    column("number", Serial, key=True),
    column("id", Id),
    column("name", Name),
    column("colour", OneOf(Colour)),
    column("size", Big, null=True),
    column("ratio", Float),
    column("ready", Boolean),
    column("properties", Json(dict[str, str])),
    column("text", LongText, null=True),
    column("raw", Bytes, null=True),
    column("at", UtcDateTime, null=True),
)
SCHEMA = Schema(metadata)
START = datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC)


def row(number: int) -> dict[str, object]:
    odd = number % 2 == 1
    return {
        "id": f"id-{number}",
        "name": f"Größe {number} 🐚 %_'\\",
        "colour": Colour.RED if odd else Colour.BLUE,
        "size": 2**62 - number if odd else None,
        "ratio": number / 8,
        "ready": odd,
        "properties": {"number": str(number), "ü": "é"},
        "text": "x" * (number % 50) if odd else None,
        "raw": bytes([number % 256, 0, 255]) if odd else None,
        "at": START + timedelta(microseconds=number * 1001) if odd else None,
    }


def fill(db: Database, rows: int) -> None:
    for start in range(0, rows, 5000):
        db.run(lambda tx, start=start: tx.insert_all(things, map(row, range(start, min(start + 5000, rows)))))


@pytest.fixture
def source(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'source.db'}", synchronous="OFF")
    prepare(db, SCHEMA)
    yield db
    db.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def target(request):
    db = Database(request.getfixturevalue(request.param).new_database())
    prepare(db, SCHEMA)
    yield db
    db.close()


def test_a_copy_is_the_same(source, target):
    fill(source, 2500)
    summed, anew = copy(source, target, things)
    assert anew
    assert summed.rows == 2500
    both = [
        db.read(lambda tx: [tuple(each) for each in tx.execute(select(things).order_by(things.c.number))])
        for db in (source, target)
    ]
    assert both[0] == both[1]
    assert target.run(lambda tx: tx.insert(things, row(9999))) == 2501


def test_an_empty_table_is_the_same_and_counts_from_the_start(source, target):
    assert copy(source, target, things) == (copying.Sum(0, 0), False)
    assert target.run(lambda tx: tx.insert(things, row(1))) == 1


def test_what_is_the_same_already_is_left_and_what_is_half_there_is_done_anew(source, target):
    fill(source, 1500)
    copy(source, target, things)
    assert copy(source, target, things)[1] is False
    target.run(lambda tx: tx.delete(things, things.c.number > 1000))
    assert copy(source, target, things)[1] is True
    target.run(lambda tx: tx.update(things, 7, {"name": "changed"}))
    assert copy(source, target, things)[1] is True
    assert sum_of(target, things) == sum_of(source, things)


@pytest.mark.parametrize(
    "values",
    [{"raw": b""}, {"raw": None}, {"size": 0}, {"ready": False}, {"text": ""}, {"at": START}, {"name": "a "}],
)
def test_a_sum_notices_every_difference(source, values):
    fill(source, 3)
    before = sum_of(source, things)
    source.run(lambda tx: tx.update(things, 2, values))
    assert sum_of(source, things) != before


def test_a_copy_that_differs_is_not_believed(source, target, monkeypatch):
    fill(source, 10)
    if target.kind == "postgresql":
        lie = "CREATE RULE lie AS ON INSERT TO things WHERE NEW.number = 5 DO INSTEAD NOTHING"
    else:
        lie = "CREATE TRIGGER lie BEFORE INSERT ON things FOR EACH ROW SET NEW.name = 'another'"
    target.run(lambda tx: tx.execute(text(lie)))
    with pytest.raises(CopyFailed, match="things has 10 rows"):
        copy(source, target, things)


def test_many_rows_need_the_memory_of_a_few(source, target):
    long = [{**row(number), "text": "x" * 4000} for number in range(1000)]
    for _ in range(10):
        source.run(lambda tx: tx.insert_all(things, long))
    tracemalloc.start()
    try:
        summed, _ = copy(source, target, things)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert summed.rows == 10_000
    assert peak < 25_000_000  # all at once are more than 40 MB
