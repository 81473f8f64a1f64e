"""What the kernel promises about state holds on every engine alike."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import msgspec
import pytest
from sqlalchemy import Index, Table, UniqueConstraint, bindparam, select, text

from nacre.kernel.db import (
    Big,
    Bytes,
    Database,
    Duplicate,
    Id,
    Json,
    LongText,
    Match,
    Name,
    OneOf,
    Page,
    Schema,
    Serial,
    Sort,
    Transaction,
    UtcDateTime,
    among,
    column,
    conditions,
    new_metadata,
    page,
    prepare,
)
from nacre.kernel.errors import Unavailable


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Address(msgspec.Struct, frozen=True):
    ip: str
    port: int = 0


metadata = new_metadata()
things = Table(
    "things",
    metadata,
    column("id", Id, key=True),
    column("name", Name),
    column("colour", OneOf(Colour)),
    column("size", Big, null=True),
    column("addresses", Json(list[Address])),
    column("text", LongText, null=True),
    column("raw", Bytes, null=True),
    column("public", Big, default=0),
    column("at", UtcDateTime, null=True),
    Index("things_by_name", "name"),
)
counted = Table(
    "counted", metadata, column("id", Serial, key=True), column("name", Name), UniqueConstraint("name")
)
SCHEMA = Schema(metadata)


class Thing(msgspec.Struct, frozen=True):
    id: str
    name: str = "thing"
    colour: Colour = Colour.RED
    size: int | None = None
    addresses: list[Address] = []
    at: datetime | None = None
    text: str | None = None
    raw: bytes | None = None


@pytest.fixture
def db(database_url):
    db = Database(database_url, synchronous="OFF")
    prepare(db, SCHEMA)
    yield db
    db.close()


def insert(tx: Transaction, *rows: Thing) -> None:
    for row in rows:
        tx.insert(things, row)


def ids(db: Database, **wanted: object) -> list[str]:
    query = select(things.c.id).where(*conditions(things.c, wanted)).order_by(things.c.id)
    return db.read(lambda tx: tx.scalars(query))


def test_values_come_back_as_they_went_in(db):
    east = timezone(timedelta(hours=9))
    thing = Thing(
        id="a",
        name="Grüße 🐚 %_/'\\",
        colour=Colour.BLUE,
        size=2**62,
        addresses=[Address("10.0.0.1", 80)],
        at=datetime(2026, 11, 21, 8, 0, 0, 1, tzinfo=east),
        text="x" * 100_000,
        raw=b"\x00\xff" * 50_000,
    )
    db.run(insert, thing)
    found = db.read(lambda tx: tx.one(select(things), Thing))
    assert found == thing
    assert found.at is not None
    assert found.at.tzinfo is UTC
    assert isinstance(found.colour, Colour)


def test_one_of_several_that_are_named_when_the_statement_runs(db):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    things_there = [
        Thing(f"{n:04}", f'it\'s "{n}" %s 🐚', list(Colour)[n % 2], n, at=start + timedelta(n))
        for n in range(600)
    ]
    db.run(insert, *things_there)
    some = select(things).where(among(things.c.id), things.c.size < 500).order_by(things.c.id)

    def found(statement, **values):
        return [thing.id for thing in db.read(lambda tx: tx.all(statement, Thing, values))]

    for asked in (["0001"], [], ["0003", "0001", "none"], (f"{n:04}" for n in range(600)), {"0001"}):
        asked = list(asked)
        assert found(some, ids=asked) == sorted(each for each in asked if each < "0500")

    def column_among(name, values):
        return found(select(things).where(among(things.c[name], "values")), values=values)

    assert column_among("name", ['it\'s "7" %s 🐚', "it's"]) == ["0007"]
    assert column_among("size", [5, 2**62]) == ["0005"]
    assert column_among("at", [start + timedelta(9)]) == ["0009"]
    assert len(column_among("colour", [Colour.BLUE])) == 300
    two = select(things).where(among(things.c.id), among(things.c.colour, "colours"))
    assert found(two, ids=["0001", "0002"], colours=[Colour.RED]) == ["0002"]
    below = select(things.c.id).where(among(things.c.id)).distinct()
    outer = select(things).where(things.c.id.in_(below), things.c.size > 1).limit(5)
    assert found(outer, ids=["0001", "0002"]) == ["0002"]


def test_one_of_several_is_found_by_an_index(db):
    for n, some in enumerate((among(things.c.id), among(things.c.id) & (things.c.size > 1))):
        for statement in (
            select(things.c.size).where(some),
            things.update().where(some),
            things.delete().where(some),
        ):
            text = str(statement.compile(dialect=db.engine.dialect)).partition("WHERE")[2]
            assert "=" not in text, "compared with 1, as a value"
            assert text.count(">") == n


def test_a_moment_without_zone_and_a_stranger_in_an_enum_are_refused(db):
    with pytest.raises(Exception, match="without a time zone"):
        db.run(insert, Thing(id="a", at=datetime(2026, 1, 1)))
    with pytest.raises(Exception, match="green"):
        db.run(insert, Thing(id="a", colour="green"))  # type: ignore[arg-type]
    assert ids(db) == []


def test_text_is_compared_by_its_bytes(db):
    names = ["a", "A", "a ", "á", "Z", "b", "_", "%"]
    db.run(insert, *[Thing(id=f"{n}", name=name) for n, name in enumerate(names)])
    assert ids(db, name="a") == ["0"]
    assert ids(db, name=["A", "b"]) == ["1", "5"]
    in_order = db.read(lambda tx: tx.scalars(select(things.c.name).order_by(things.c.name)))
    assert in_order == sorted(names, key=str.encode)
    assert ids(db, name=Match("contains", "_")) == ["6"]
    assert ids(db, name=Match("starts", "a")) == ["0", "2"]
    assert ids(db, name=Match("istarts", "A")) == ["0", "1", "2"]
    assert ids(db, name=Match("ieq", "A")) == ["0", "1"]
    assert ids(db, name=Match("ieq", "%")) == ["7"]


def test_filters(db):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    db.run(insert, *[Thing(id=str(n), size=n, at=noon + timedelta(microseconds=n)) for n in range(5)])
    db.run(insert, Thing(id="none"))
    assert ids(db, size=Match("gte", 3)) == ["3", "4"]
    assert ids(db, size=[Match("gt", 0), Match("lt", 3)]) == ["1", "2"]
    assert ids(db, size=None) == ["none"]
    assert ids(db, size=Match("ne", 1)) == ["0", "2", "3", "4"]
    assert ids(db, size=Match("nin", (0, 1, 2, 3))) == ["4"]
    assert ids(db, size=[]) == []
    assert ids(db, at=Match("lte", noon + timedelta(microseconds=1))) == ["0", "1"]
    with pytest.raises(KeyError):
        conditions(things.c, {"nonsense": 1})


def test_a_duplicate_is_a_conflict_and_leaves_nothing(db):
    db.run(insert, Thing(id="a"))
    with pytest.raises(Duplicate):
        db.run(insert, Thing(id="b"), Thing(id="a"))
    assert ids(db) == ["a"]


def test_inserting_what_may_exist_does_not_spoil_the_transaction(db):
    def twice(tx: Transaction) -> list[bool]:
        added = [tx.insert_if_absent(counted, {"name": "one"}) for _ in range(2)]
        tx.insert(counted, {"name": "two"})
        return added

    assert db.run(twice) == [True, False]
    assert db.read(lambda tx: tx.count(counted)) == 2


def test_keys_that_the_database_counts_are_returned_and_grow(db):
    first, second = (db.run(lambda tx, n=n: tx.insert(counted, {"name": n})) for n in ("x", "y"))
    assert isinstance(first, int)
    assert second > first
    assert db.run(lambda tx: tx.update(counted, first, {"name": "z"})) == 1
    assert db.run(lambda tx: tx.update(counted, first, {"name": "z"})) == 1, "rows that match count"
    assert db.run(lambda tx: tx.delete(counted, counted.c.name == "z")) == 1
    assert db.run(lambda tx: tx.delete(counted, first)) == 0


def test_rows_are_changed_locked_and_removed_by_what_columns_equal(db):
    rows = [Thing(id=str(n), name="ab"[n % 2], colour=[Colour.RED, Colour.BLUE][n // 2]) for n in range(4)]
    db.run(insert, *rows)
    red_a = {"name": "a", "colour": Colour.RED}
    assert db.run(lambda tx: tx.update(things, red_a, {"name": "c"})) == 1
    assert db.run(lambda tx: tx.update(things, red_a, {"name": "c"})) == 0
    assert db.run(lambda tx: tx.update(things, {"name": "c"}, {"size": things.c.public + 7})) == 1
    assert db.run(lambda tx: tx.lock(things, {"name": "c"}))
    assert not db.run(lambda tx: tx.lock(things, red_a))
    assert db.run(lambda tx: tx.delete(things, {"colour": Colour.BLUE})) == 2
    left = db.read(lambda tx: tx.all(select(things).order_by(things.c.id), Thing))
    assert [(thing.id, thing.name, thing.size) for thing in left] == [("0", "c", 7), ("1", "b", None)]
    with pytest.raises(ValueError, match="say which rows"):
        db.run(lambda tx: tx.delete(things, {}))
    assert db.read(lambda tx: tx.count(things)) == 2


def test_existence_is_asked_with_values_given_later(db):
    db.run(insert, Thing(id="a", name="here"))
    named = select(things.c.id).where(things.c.name == bindparam("wanted"))
    assert db.read(lambda tx: tx.exists(named, {"wanted": "here"}))
    assert not db.read(lambda tx: tx.exists(named, {"wanted": "elsewhere"}))


@pytest.mark.parametrize("backwards", [False, True])
def test_pages_put_together_are_the_whole_list(db, backwards):
    rows = [Thing(id=str(n), name="ab"[n % 2], size=None if n % 3 else n % 5) for n in range(23)]
    db.run(insert, *rows)
    sort = (Sort("size", "desc"), Sort("name"))
    whole = db.read(page, select(things), Thing, things, Page(sort=sort))
    expected = sorted(rows, key=lambda t: (-(-1 if t.size is None else t.size), t.name, t.id))
    assert [t.id for t in whole] == [t.id for t in expected]
    collected: list[Thing] = []
    marker = None
    while part := db.read(page, select(things), Thing, things, Page(4, marker, sort, backwards=backwards)):
        collected = part + collected if backwards else collected + part
        marker = part[0 if backwards else -1].id
    assert collected == whole
    offset = db.read(page, select(things), Thing, things, Page(sort=sort, offset=20))
    assert offset == whole[20:]


def test_counters_do_not_lose_increments(db):
    """Eight threads read, add and write; the lock on the row keeps them apart."""
    db.run(insert, Thing(id="a", size=0))

    def add(tx: Transaction) -> None:
        assert tx.lock(things, "a")
        size = tx.scalar(select(things.c.size).where(things.c.id == "a"))
        tx.update(things, "a", {"size": size + 1})

    def work() -> None:
        for _ in range(10):
            db.run(add)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.read(lambda tx: tx.scalar(select(things.c.size))) == 80


def in_another_thread(act) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_a_still_transaction_sees_one_moment(db):
    names = select(counted.c.name).order_by(counted.c.name)

    def look_twice(tx: Transaction) -> tuple[list[str], list[str]]:
        before = tx.scalars(names)
        in_another_thread(lambda: db.run(lambda other: other.insert(counted, {"name": "late"})))
        return before, tx.scalars(names)

    assert db.read_still(look_twice) == ([], [])
    db.run(lambda tx: tx.delete(counted, counted.c.name == "late"))
    after = ["late"] if db.kind != "sqlite" else []  # where all transactions are still
    assert db.read(look_twice) == ([], after)


def test_a_still_transaction_whose_connection_ends(db):
    """It is run again, or nobody knows whether it was committed; no error of the driver's comes through."""
    if db.kind == "sqlite":
        return  # where there is no connection that may end
    kills = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mariadb": ("SELECT CONNECTION_ID()", "KILL {}"),
    }
    who, kill = kills[db.kind]
    left = 2

    def end_twice(tx: Transaction, *, ask: bool) -> int | None:
        nonlocal left
        present = tx.scalar(text(who))
        if left:
            left -= 1
            in_another_thread(lambda: db.run(lambda other: other.execute(text(kill.format(present)))))
        return tx.scalar(text(who)) if ask else None

    assert db.read_still(end_twice, ask=True)
    assert (left, db.outages) == (0, 2)
    left = 1
    with pytest.raises(Unavailable, match="may have been done"):
        db.run_still(end_twice, ask=False)
    assert db.read_still(end_twice, ask=True)

    def end_once_committed(tx: Transaction) -> str:
        present, commit = tx.scalar(text(who)), tx.connection.commit

        def commit_and_end() -> None:
            commit()
            in_another_thread(lambda: db.run(lambda other: other.execute(text(kill.format(present)))))

        tx.connection.commit = commit_and_end  # type: ignore[method-assign]
        return "committed"

    assert db.run_still(end_once_committed) == "committed"
    assert db.read_still(end_twice, ask=True)


def test_a_deadlock_is_run_again(db):
    """Two transactions that take two rows in opposite orders both get through."""
    db.run(insert, Thing(id="a", size=0), Thing(id="b", size=0))
    both = threading.Barrier(2, timeout=5)
    runs: list[str] = []

    def cross(tx: Transaction, first: str, second: str) -> None:
        runs.append(first)
        tx.update(things, first, {"size": things.c.size + 1})
        if len(runs) <= 2 and db.kind != "sqlite":
            both.wait()  # certain to meet the other half-way, the first time
        tx.update(things, second, {"size": things.c.size + 1})

    threads = [threading.Thread(target=db.run, args=(cross, *order)) for order in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 2 if db.kind == "sqlite" else len(runs) > 2
    assert db.read(lambda tx: tx.scalars(select(things.c.size))) == [2, 2]


def test_the_declared_tables_are_the_created_ones(db):
    from nacre.kernel.db.migrations import differences

    assert differences(db, SCHEMA) == []
