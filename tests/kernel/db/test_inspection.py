"""What is wrong with a database is found and put into words."""

import pytest
from sqlalchemy import Index, Table, text

from nacre.kernel.db import Database, Id, Name, Schema, column, new_metadata, prepare
from nacre.kernel.db.inspection import engine_problems, engine_version, orphans, references, table_problems

metadata = new_metadata()
boxes = Table("boxes", metadata, column("id", Id, key=True), column("name", Name))
lids = Table(
    "lids",
    metadata,
    column("id", Id, key=True),
    column("box_id", Id, null=True),
    column("maker_id", Id),
    column("old_box_id", Id),
    Index("lids_by_box", "box_id"),
)
SCHEMA = Schema(metadata)


@pytest.fixture
def db(database_url):
    db = Database(database_url, synchronous="OFF")
    prepare(db, SCHEMA)
    yield db
    db.close()


def test_a_database_that_nacre_made_is_well(db):
    assert engine_version(db).split()[0] in ("SQLite", "PostgreSQL", "MariaDB")
    assert engine_problems(db) == table_problems(db, SCHEMA) == orphans(db, SCHEMA) == []


def test_columns_that_name_rows_are_found_by_their_names():
    assert [(str(column), str(target)) for column, target in references(SCHEMA)] == [
        ("lids.box_id", "boxes.id")
    ]
    assert list(references(Schema(metadata, loose=("lids.box_id",)))) == []


def test_rows_that_name_what_is_not_there_are_counted(db):
    def fill(tx):
        tx.insert(boxes, {"id": "a", "name": ""})
        for number, box in enumerate(("a", "b", "b", None, "")):
            tx.insert(lids, {"id": str(number), "box_id": box, "maker_id": "x", "old_box_id": "y"})

    db.run(fill)
    assert orphans(db, SCHEMA) == ["lids.box_id: 2 rows name a row of boxes that is not there"]


def test_tables_that_are_not_as_declared_are_named(db):
    db.run(lambda tx: tx.execute(text("ALTER TABLE lids DROP COLUMN old_box_id")))
    db.run(lambda tx: tx.execute(text("DROP TABLE boxes")))
    problems = "\n".join(table_problems(db, SCHEMA))
    assert "missing: table boxes" in problems
    assert "missing: column" in problems
    assert "old_box_id" in problems


@pytest.mark.parametrize(
    ("engine", "statement", "expected"),
    [
        ("postgresql", 'CREATE TABLE odd (name text COLLATE "en-x-icu")', "odd.name is compared by en-x-icu"),
        ("mariadb", "CREATE TABLE odd (n int) ENGINE=MyISAM", "odd is kept by MyISAM"),
        ("mariadb", "CREATE TABLE odd (name varchar(9) COLLATE utf8mb4_general_ci)", "utf8mb4_general_ci"),
    ],
)
def test_engines_that_are_set_up_otherwise_are_named(request, engine, statement, expected):
    db = Database(request.getfixturevalue(engine).new_database())
    db.run(lambda tx: tx.execute(text(statement)))
    assert expected in "\n".join(engine_problems(db))
    db.close()
