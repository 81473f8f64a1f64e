"""Keys in the database, sealed: what several control nodes share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import InvalidToken
from sqlalchemy import MetaData, select

from nacre.kernel.db import Database, Schema, prepare
from nacre.kernel.db.migrations import differences
from nacre.kernel.errors import Unavailable
from nacre.kernel.shared_key import SharedKey
from nacre.services.identity.app.database_keys import DatabaseKeys
from nacre.services.identity.db.tables import SCHEMA, sealed_keys

KEY = SharedKey(b"k" * 32)
MakeKeys = Callable[..., DatabaseKeys]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url, synchronous="OFF")
    prepare(db, SCHEMA)
    yield db
    db.close()


@pytest.fixture
def make_keys(db: Database) -> MakeKeys:
    """Make the repository as a control node of its own would have it."""

    def make(shared: SharedKey = KEY, *, active: int = 3) -> DatabaseKeys:
        return DatabaseKeys(db, db.clock, shared, "fernet", active=active)

    return make


def test_what_one_node_seals_another_opens(make_keys: MakeKeys) -> None:
    one, two = make_keys(), make_keys()
    one.prepare()
    two.prepare()
    assert two.decrypt(one.encrypt(b"text")) == b"text"


def test_nodes_that_start_together_make_one_repository(db: Database, make_keys: MakeKeys) -> None:
    nodes = [make_keys() for _ in range(4)]
    threads = [threading.Thread(target=node.prepare) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = nodes[0].encrypt(b"text")
    assert [node.decrypt(sealed) for node in nodes] == [b"text"] * 4
    assert db.read(lambda tx: tx.count(sealed_keys)) == 2


def test_a_rotation_is_heard_of_before_it_matters(make_keys: MakeKeys) -> None:
    one, two = make_keys(), make_keys()
    one.prepare()
    two.prepare()
    before = two.encrypt(b"before")
    one.rotate()
    assert two.decrypt(one.encrypt(b"after")) == b"after"  # by the key that was staged; two has not looked
    assert one.decrypt(before) == b"before"


def test_old_keys_are_dropped(db: Database, make_keys: MakeKeys) -> None:
    one = make_keys(active=3)
    one.prepare()
    first = one.encrypt(b"first")
    one.rotate()
    assert one.decrypt(first) == b"first"
    one.rotate()
    with pytest.raises(InvalidToken):
        one.decrypt(first)
    assert db.read(lambda tx: sorted(tx.scalars(select(sealed_keys.c.number)))) == [0, 2, 3]


def test_nobody_reads_them_without_the_clouds_key(db: Database, make_keys: MakeKeys) -> None:
    make_keys().prepare()
    with pytest.raises(Unavailable) as caught:
        make_keys(SharedKey(b"x" * 32)).prepare()
    assert "key_file" in str(caught.value.detail)


def test_a_database_of_the_first_release_is_brought_up_to_date(database_url: str) -> None:
    db, old = Database(database_url, synchronous="OFF"), MetaData()
    for name, table in SCHEMA.metadata.tables.items():
        if name not in ("sealed_keys", "hosts", "join_tokens"):
            table.to_metadata(old)
    prepare(db, Schema(old, "0001", SCHEMA.migrations))
    prepare(db, SCHEMA)
    assert differences(db, SCHEMA) == []
    db.close()
