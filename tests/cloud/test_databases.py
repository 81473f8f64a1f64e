"""`nacre db`: a used cloud is checked, carried to a database server, and goes on there as if nothing had been.

Each command runs as a process of its own, on a simulated cloud of its own.
"""

import re
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.cloud.places import Place

from nacre.cloud.database_move import write_url
from nacre.kernel.db import Database, migrations
from nacre.kernel.db.kernel_tables import KERNEL_SCHEMA
from nacre.services import NAMES, manifests


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "cloud")
    yield place
    if place.state.running():
        place.run("down")


def new_databases(server, url: str) -> str:
    """Make an empty database for each service; return the URL with their place."""
    prefix = re.sub(r".*/(test_\w+)\?.*", r"\1", url)
    with server._engine.connect() as connection:
        for name in NAMES:
            connection.execute(text(f"CREATE DATABASE {prefix}_{name}"))
    return url.replace(prefix, prefix + "_{service}")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_running_cloud_is_moved(request, place, engine):
    server = request.getfixturevalue(engine)
    to = new_databases(server, server.new_database())
    place.up()
    client = place.client()
    image = client.get("image", "/v2/images")["images"][0]["id"]
    flavor = client.get("compute", "/flavors")["flavors"][0]["id"]
    body = {"name": "kept", "flavorRef": flavor, "imageRef": image, "networks": "auto"}
    made = client.post("compute", "/servers", {"server": body}, version="2.90")["server"]
    client.wait(
        lambda: client.get("compute", f"/servers/{made['id']}")["server"],
        lambda server: server["status"] == "ACTIVE",
        seconds=120,
    )
    assert "wrong" not in place.run("db", "check")
    said = place.run("db", "move", "--to", to)
    assert said.count("verified") == len(NAMES)
    assert tomllib.loads(place.state.config.read_text())["database"]["url"] == to
    assert place.state.config.stat().st_mode & 0o077 == 0
    assert not list((place.root / "db").glob("*.sqlite"))
    again = place.client()
    after = again.get("compute", f"/servers/{made['id']}")["server"]
    assert (after["id"], after["status"], after["name"]) == (made["id"], "ACTIVE", "kept")
    assert again.get("image", "/v2/images")["images"][0]["id"] == image
    checked = place.run("db", "check")
    assert "wrong" not in checked
    assert ("PostgreSQL" if engine == "postgresql" else "MariaDB") in checked
    again.delete("compute", f"/servers/{made['id']}")
    assert "already" in place.run("db", "move", "--to", to, code=1)


def test_an_interrupted_move_goes_on_and_a_target_that_is_used_is_refused(place, postgresql):
    place.up()
    place.run("down")
    to = new_databases(postgresql, postgresql.new_database())
    last = Database(to.replace("{service}", NAMES[-1]))
    last.run(lambda tx: tx.execute(text("CREATE TABLE somebody_elses (id int)")))
    assert "not empty" in place.run("db", "move", "--to", to, code=1)
    last.run(lambda tx: tx.execute(text("DROP TABLE somebody_elses")))
    # Something in the last database makes its copy fail, when the others are there already.
    last.run(lambda tx: tx.execute(text("CREATE TABLE kernel_move (source varchar(255) PRIMARY KEY)")))
    for schema in (KERNEL_SCHEMA, manifests([NAMES[-1]])[0].schema):
        migrations.prepare(last, schema)
    lie = "CREATE RULE lie AS ON INSERT TO flavors DO INSTEAD NOTHING"
    last.run(lambda tx: tx.execute(text(lie)))
    assert "flavors has" in place.run("db", "move", "--to", to, code=1)
    assert "database" not in tomllib.loads(place.state.config.read_text())
    before = place.sums(place.urls())
    last.run(lambda tx: tx.execute(text("DROP RULE lie ON flavors")))
    said = place.run("db", "move", "--to", to)
    assert "the same already" in said
    assert place.sums({name: to.replace("{service}", name) for name in NAMES}) == before
    last.close()


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("postgresql://nowhere/one", "{service}"),
        ("sqlite:////tmp/{service}.db", "not to sqlite"),
        ("nonsense", "no URL"),
        ("postgresql://nobody@127.0.0.1:1/x_{service}", "CREATE DATABASE"),
    ],
)
def test_a_target_that_cannot_be_is_refused(place, to, why):
    place.state.prepare()
    place.state.config.write_text('[cloud]\nmode = "simulated"\n')
    assert why in place.run("db", "move", "--to", to, code=1)
    assert place.state.config.read_text() == '[cloud]\nmode = "simulated"\n'


@pytest.mark.parametrize(
    "before",
    [
        "",
        '[cloud]\nname = "x"  # a comment\n',
        '[database]\n# where\nsynchronous = "FULL"\n\n[cloud]\nname = "x"\n',
        '[database]\nurl = "sqlite:////old/{service}"\n',
    ],
)
def test_the_url_is_written_and_the_rest_stays(tmp_path, before):
    path = tmp_path / "nacre.toml"
    path.write_text(before)
    url = 'postgresql://nacre:p"w\\d@host/nacre_{service}'
    write_url(path, url)
    expected = tomllib.loads(before)
    expected.setdefault("database", {})["url"] = url
    assert tomllib.loads(path.read_text()) == expected
    assert ("a comment" in before) == ("a comment" in path.read_text())


def test_migrate_and_check_say_what_they_find(place):
    place.state.prepare()
    place.state.config.write_text('[cloud]\nmode = "simulated"\n')
    assert "no tables yet" in place.run("db", "check", code=1)
    assert place.run("db", "migrate").count("expanded: ") == 2 * len(NAMES)
    assert place.run("db", "migrate").count("nothing to do") == len(NAMES)
    assert "wrong" not in place.run("db", "check")
    database = Database(place.urls()["network"])
    database.run(lambda tx: tx.execute(text("DROP INDEX changes_by_revision")))
    database.run(
        lambda tx: tx.execute(text("INSERT INTO fixed_ips VALUES ('gone', '10.0.0.1', 'x', 'gone', 1)"))
    )
    said = place.run("db", "check", code=1)
    assert "changes_by_revision" in said
    assert "fixed_ips.port_id: 1 row names a row of ports that is not there" in said
    database.run(
        lambda tx: tx.execute(
            text(
                "INSERT INTO kernel_processes VALUES ('an-id', 'node-2', 7, 'nacre serve', '0000/0000', :now, :now)"
            ),
            {"now": "2999-01-01 00:00:00.000000+00:00"},
        )
    )
    assert "process 7 on node-2" in place.run("db", "migrate", code=1)
    assert "nothing to do" in place.run("db", "migrate", "--expand")
    assert "process 7 on node-2" in place.run("db", "migrate", "--contract", code=1)
    database.close()
