"""A transaction is a function: all or nothing, perhaps twice, never inside another."""

import os
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import ForeignKey, Table, select, text
from sqlalchemy.exc import OperationalError

from nacre.kernel.db import (
    Database,
    Id,
    Name,
    Page,
    Schema,
    Sort,
    StillReferenced,
    Transaction,
    column,
    database,
    new_metadata,
    page,
    paging,
    prepare,
)
from nacre.kernel.errors import NacreError, Unavailable
from nacre.kernel.testing.databases import Server

metadata = new_metadata()
shelves = Table("shelves", metadata, column("id", Id, key=True))
books = Table(
    "books",
    metadata,
    column("id", Id, key=True),
    column("title", Name, default="untitled"),
    column("shelf_id", Id, ForeignKey("shelves.id"), null=True),
)
SCHEMA = Schema(metadata)


class Book(msgspec.Struct, frozen=True):
    id: str
    title: str = ""


@pytest.fixture
def db(sqlite_url):
    db = Database(sqlite_url, synchronous="OFF")
    prepare(db, SCHEMA)
    yield db
    db.close()


def add(tx: Transaction, book_id: str, **values: str) -> None:
    tx.insert(books, {"id": book_id, **values})


def titles(db: Database) -> list[str]:
    return db.read(lambda tx: tx.scalars(select(books.c.title).order_by(books.c.id)))


def test_an_exception_undoes_everything_and_passes_through(db):
    def fail(tx: Transaction) -> None:
        add(tx, "a")
        raise NacreError("no")

    with pytest.raises(NacreError, match="no"):
        db.run(fail)
    assert titles(db) == []


def test_nothing_is_called_inside_a_transaction_that_opens_another(db, tmp_path):
    other = Database(f"sqlite:///{tmp_path}/other.db")
    for nested in (db.run, db.read, other.read):
        with pytest.raises(RuntimeError, match="inside another"):
            db.run(lambda tx, nested=nested: nested(add, "b"))
    other.close()
    db.run(add, "c", title="still usable")
    assert titles(db) == ["still usable"]


def test_what_follows_a_commit_follows_only_a_commit(db, caplog):
    seen = []

    def notify(tx: Transaction, fail: bool) -> None:
        add(tx, str(fail))
        tx.after_commit(lambda: seen.append((fail, len(titles(db)))))
        tx.after_commit(lambda: 1 / 0)
        if fail:
            raise NacreError

    with pytest.raises(NacreError):
        db.run(notify, True)
    db.run(notify, False)
    assert seen == [(False, 1)], "outside the transaction, which is visible by then"
    assert "ZeroDivisionError" in caplog.text


def test_reading_does_not_write(db):
    with pytest.raises(RuntimeError, match="db.read is for reading"):
        db.read(add, "a")


def test_a_reader_sees_one_state_while_others_write(db):
    def read(tx: Transaction) -> tuple[int, int]:
        before = tx.count(books)
        writer = threading.Thread(target=db.run, args=(add, "a"))
        writer.start()
        writer.join()
        return before, tx.count(books)

    assert db.read(read) == (0, 0)
    assert len(titles(db)) == 1


def test_contention_is_borne_for_a_while_however_often_it_comes(db, monkeypatch):
    monkeypatch.setattr(database, "LONGEST_PAUSE_SECONDS", 0.01)
    deadlocks = [OperationalError("DELETE", {}, Exception(1213, "Deadlock found")) for _ in range(30)]

    def act(tx: Transaction) -> str:
        if deadlocks:
            raise deadlocks.pop()
        return "done"

    assert db.run(act) == "done"


def test_a_file_that_another_process_keeps_busy_is_waited_for_and_given_up_as_an_outage(db, monkeypatch):
    db.close()
    db = Database(db.url)
    tries = []
    with closing(db.engine.raw_connection()) as blocker:
        blocker.execute("BEGIN IMMEDIATE")  # type: ignore[attr-defined]
        begin = Database._begin

        def begin_impatiently(self: Database, writes: bool, still: bool) -> Transaction:
            tries.append(writes)
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout = 1")
            return begin(self, writes, still)

        monkeypatch.setattr(Database, "_begin", begin_impatiently)
        monkeypatch.setattr(database, "PATIENCE_SECONDS", 1.0)
        with pytest.raises(Unavailable, match="busy"):
            db.run(add, "a")
        assert len(tries) > 5
        assert titles(db) == []
        blocker.rollback()
    db.run(add, "a")
    db.close()


def test_the_file_is_private(db):
    path = Path(db.url.database or "")
    for file in path.parent.glob("test.db*"):
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600, file


def test_references_hold(db):
    with pytest.raises(StillReferenced):
        db.run(add, "a", shelf_id="nowhere")
    db.run(lambda tx: (tx.insert(shelves, {"id": "s"}), add(tx, "a", shelf_id="s")))
    with pytest.raises(StillReferenced):
        db.run(lambda tx: tx.delete(shelves, "s"))


def test_asking(db):
    db.run(lambda tx: tx.insert_all(books, [{"id": n, "title": n * 2} for n in "abc"]))
    one = select(books).where(books.c.id == "b")
    none = select(books).where(books.c.id == "z")
    assert db.read(lambda tx: tx.one(one, Book)) == Book("b", "bb")
    assert db.read(lambda tx: tx.find(none, Book)) is None
    with pytest.raises(LookupError):
        db.read(lambda tx: tx.one(none, Book))
    with pytest.raises(NacreError, match="no book z"):
        db.read(lambda tx: tx.one(none, Book, otherwise=NacreError("no book z")))
    assert db.read(lambda tx: (tx.exists(one), tx.exists(none))) == (True, False)
    assert db.read(lambda tx: (tx.count(books), tx.count(one), tx.count(books, books.c.id > "a"))) == (
        3,
        1,
        2,
    )
    assert db.run(lambda tx: tx.update(books, "b", {"title": books.c.title + "!"})) == 1
    assert titles(db) == ["aa", "bb!", "cc"]


def test_a_savepoint_undoes_only_its_block(db):
    def partly(tx: Transaction) -> None:
        add(tx, "a", title="kept")
        with suppress(NacreError), tx.savepoint():
            add(tx, "b", title="dropped")
            raise NacreError

    db.run(partly)
    assert titles(db) == ["kept"]


def test_records_take_columns_by_name_in_any_order(db):
    class Reversed(msgspec.Struct, frozen=True):
        title: str
        id: str
        extra: int = 7

    class Later(msgspec.Struct, frozen=True):
        extra: int = 7
        title: str = ""

    class Named(msgspec.Struct, frozen=True, kw_only=True):
        title: str
        id: str

    class Strange(msgspec.Struct, frozen=True):
        id: str
        colour: str

    db.run(add, "a", title="A")
    query = select(books)
    assert db.read(lambda tx: tx.all(query, Reversed)) == [Reversed("A", "a")]
    assert db.read(lambda tx: tx.all(query, Later)) == [Later(7, "A")]
    assert db.read(lambda tx: tx.all(query, Named)) == [Named(id="a", title="A")]
    assert db.read(lambda tx: tx.all(select(books.c.id), Book)) == [Book("a")]
    with pytest.raises(TypeError, match="Strange needs colour"):
        db.read(lambda tx: tx.all(query, Strange))


def test_a_page_behind_nothing_or_by_nothing_is_the_callers_mistake(db):
    db.run(add, "a")

    def ask(tx: Transaction, wanted: Page, **options: object) -> list[Book]:
        return page(tx, select(books), Book, books, wanted, **options)  # type: ignore[arg-type]

    with pytest.raises(paging.MarkerNotFound, match="nowhere"):
        db.read(ask, Page(marker="nowhere"))
    with pytest.raises(paging.MarkerNotFound):
        db.read(ask, Page(marker="a"), visible=books.c.title == "other")
    with pytest.raises(paging.UnknownSortKey, match="colour"):
        db.read(ask, Page(sort=(Sort("colour"),)))
    assert db.read(ask, Page(sort=(Sort("name"),)), keys={"name": books.c.title}) == [Book("a", "untitled")]


def test_a_server_that_is_away_is_an_outage(tmp_path):
    db = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(Unavailable):
        db.read(lambda tx: tx.scalar(select(1)))
    assert db.outages == 1


def test_a_connection_that_died_is_replaced(postgresql: Server):
    db = Database(postgresql.new_database())
    prepare(db, SCHEMA)
    own = db.read(lambda tx: tx.scalar(text("SELECT pg_backend_pid()")))
    killer = Database(postgresql.new_database())
    killer.read(lambda tx: tx.scalar(text(f"SELECT pg_terminate_backend({own})")))
    assert db.read(lambda tx: tx.scalar(text("SELECT pg_backend_pid()"))) != own
    killer.close()
    db.close()


def test_a_mistake_in_sql_is_not_hidden(db):
    calls = []
    with pytest.raises(OperationalError, match="no such table"):
        db.run(lambda tx: (calls.append(1), tx.execute(text("SELECT * FROM nonsense"))))
    assert calls == [1]
