"""Fresh databases are stamped, old ones upgraded, newer ones refused, and Alembic is rarely imported."""

import subprocess
import sys
import threading

import pytest
from sqlalchemy import MetaData, Table, inspect, select

from nacre.kernel.db import Database, Id, Name, Schema, column, new_metadata, prepare
from nacre.kernel.db.migrations import (
    UnknownRevision,
    contract,
    contractions,
    differences,
    draft,
    expand,
    revision_of,
)

FIRST = '''"""The tables of the first release; fresh databases get them as they are declared."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: whoever is at this revision has the tables."""
'''

EXPAND_AND_CONTRACT = '''"""Names become titles."""

from alembic import op

from nacre.kernel.db import Name, column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("things") as things:
        things.add_column(column("title", Name, null=True))


def contract() -> None:
    with op.batch_alter_table("things") as things:
        things.drop_column("name")
'''


def things(*columns: str) -> MetaData:
    metadata = new_metadata()
    Table(
        "things", metadata, column("id", Id, key=True), *[column(name, Name, null=True) for name in columns]
    )
    return metadata


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_start.py").write_text(FIRST)
    return folder


@pytest.fixture
def db(database_url):
    db = Database(database_url, synchronous="OFF")
    yield db
    db.close()


def test_a_drafted_migration_brings_an_old_database_up_to_date(db, folder):
    old, new = things("name"), things("name", "colour")
    prepare(db, Schema(old, "0001", folder))
    db.run(lambda tx: tx.insert(old.tables["things"], {"id": "a", "name": "kept"}))
    newer = Schema(new, "0002", folder)
    assert differences(db, newer) != []
    (folder / "0002_colour.py").write_text(draft(db, newer, "0002", "Things have a colour."))
    prepare(db, newer)
    assert revision_of(db) == "0002"
    assert differences(db, newer) == []
    row = db.read(lambda tx: tx.execute(select(new.tables["things"])).one())
    assert tuple(row) == ("a", "kept", None)
    prepare(db, newer)


def test_older_programs_go_on_until_the_tables_are_contracted(db, folder):
    older = Schema(things("name"), "0001", folder)
    prepare(db, older)
    newer = Schema(things("title"), "0003", folder)
    (folder / "0002_title.py").write_text(EXPAND_AND_CONTRACT)
    (folder / "0003_nothing.py").write_text(FIRST.replace("0001", "0003").replace("None\n", '"0002"\n', 1))
    assert expand(db, newer) == [
        "0002 Names become titles.",
        "0003 The tables of the first release; fresh databases get them as they are declared.",
    ]
    assert expand(db, newer) == []
    assert contractions(db, newer) == ["0002 Names become titles."]
    prepare(db, older)
    assert revision_of(db) == "0003"
    db.run(lambda tx: tx.insert(older.metadata.tables["things"], {"id": "a", "name": "x"}))
    db.run(lambda tx: tx.insert(newer.metadata.tables["things"], {"id": "b", "title": "y"}))
    assert contract(db, newer) == ["0002 Names become titles."]
    assert contract(db, newer) == contractions(db, newer) == []
    assert differences(db, newer) == []
    prepare(db, newer)
    with pytest.raises(UnknownRevision, match="newer"):
        prepare(db, older)


def test_a_fresh_database_is_contracted_already(db, folder):
    (folder / "0002_title.py").write_text(EXPAND_AND_CONTRACT)
    schema = Schema(things("title"), "0002", folder)
    prepare(db, schema)
    assert contractions(db, schema) == contract(db, schema) == []
    with pytest.raises(UnknownRevision, match="newer"):
        prepare(db, Schema(things("name"), "0001", folder))


def test_two_schemas_share_a_database(db, folder):
    service = Schema(things("name"), "0001", folder)
    kernels = new_metadata()
    Table("kernel_notes", kernels, column("id", Id, key=True))
    kernel = Schema(kernels, version_table="kernel_revision")
    for schema in (service, kernel):
        prepare(db, schema)
    for schema in (service, kernel):
        assert differences(db, schema) == []


def test_a_migration_that_fails_leaves_the_revision(db, folder):
    prepare(db, Schema(things(), "0001", folder))
    text = FIRST.replace("0001", "0002").replace("None\n", '"0001"\n', 1) + "    raise ZeroDivisionError\n"
    (folder / "0002_broken.py").write_text(text)
    with pytest.raises(ZeroDivisionError):
        prepare(db, Schema(things(), "0002", folder))
    assert revision_of(db) == "0001"


def test_a_revision_without_migrations_is_refused(db, folder):
    prepare(db, Schema(things(), "0007", folder))
    with pytest.raises(UnknownRevision, match="0007"):
        prepare(db, Schema(things(), "0008", folder))


def test_processes_that_start_together_prepare_once(database_url):
    databases = [Database(database_url) for _ in range(6)]
    problems: list[BaseException] = []

    def start(db: Database) -> None:
        try:
            prepare(db, Schema(things("name")))
        except BaseException as error:  # noqa: BLE001 - a thread's exception would be lost
            problems.append(error)

    threads = [threading.Thread(target=start, args=(db,)) for db in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert databases[0].read(lambda tx: inspect(tx.connection).has_table("things"))
    for db in databases:
        db.close()


def test_an_ordinary_start_imports_no_alembic(tmp_path):
    program = f"""
import sys
from nacre.kernel.db import Database, Schema, new_metadata, prepare
for _ in range(2):
    prepare(Database("sqlite:///{tmp_path}/x.db"), Schema(new_metadata()))
print("alembic" in sys.modules)
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert output.stdout == "False\n"
