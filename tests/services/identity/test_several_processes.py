"""Several processes of identity on one database: what one changes, the others notice."""

import pytest
from sqlalchemy import func, select

from nacre.services.identity.db.tables import users


@pytest.fixture(scope="module")
def clouds(make_cloud):
    first = make_cloud(["identity"])
    return first, make_cloud(["identity"], state=first.process.state)


@pytest.fixture(scope="module")
def cloud(clouds):
    return clouds[0]


def test_a_token_of_one_process_is_known_to_another(clouds, member):
    assert clouds[1].user(member.token).get("identity", "/v3/auth/catalog").status == 200


def test_a_revocation_is_noticed_elsewhere_within_the_refresh_time(clouds, member, admin):
    elsewhere = clouds[1].user(member.token)
    assert elsewhere.get("identity", "/v3/auth/catalog").status == 200
    admin.delete("identity", "/v3/auth/tokens", headers={"X-Subject-Token": member.token})
    clouds[1].clock.turn(seconds=1)
    assert elsewhere.get("identity", "/v3/auth/catalog").status == 401


def test_a_second_start_makes_nothing_twice(clouds):
    count = select(func.count()).select_from(users)
    assert clouds[0].process.services["identity"].db.read(lambda tx: tx.scalar(count)) >= 2
    names = select(users.c.name).where(users.c.name.in_(("admin", "nacre")))
    assert len(clouds[1].process.services["identity"].db.read(lambda tx: tx.scalars(names))) == 2
