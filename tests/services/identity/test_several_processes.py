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


def log_in(cloud, member, project, **identity):
    body = {"auth": {"identity": identity, "scope": {"project": {"id": project["id"]}}}}
    return cloud.anonymous.post("identity", "/v3/auth/tokens", body).status


@pytest.mark.parametrize("gone", ["role", "project", "tokens"])
def test_nobody_gets_a_token_for_what_was_taken_away_elsewhere_a_moment_ago(
    clouds, admin, member, project, gone
):
    here, elsewhere = clouds
    proof = {"user": {"id": member.user_id, "password": "a user's password"}}
    by_password = {"methods": ["password"], "password": proof}
    by_token = {"methods": ["token"], "token": {"id": member.token}}
    assert log_in(elsewhere, member, project, **by_password) == 201
    assert log_in(elsewhere, member, project, **by_token) == 201
    projects = f"/v3/projects/{project['id']}"
    match gone:
        case "role":
            for role in admin.get("identity", f"{projects}/users/{member.user_id}/roles").json["roles"]:
                admin.delete("identity", f"{projects}/users/{member.user_id}/roles/{role['id']}")
        case "project":
            admin.patch("identity", projects, {"project": {"enabled": False}})
        case "tokens":  # all that were issued until now
            for enabled in (False, True):
                admin.patch("identity", f"/v3/users/{member.user_id}", {"user": {"enabled": enabled}})
    assert log_in(elsewhere, member, project, **by_token) in (401, 404)
    assert log_in(elsewhere, member, project, **by_password) == (201 if gone == "tokens" else 401)


def test_a_second_start_makes_nothing_twice(clouds):
    count = select(func.count()).select_from(users)
    assert clouds[0].process.services["identity"].db.read(lambda tx: tx.scalar(count)) >= 2
    names = select(users.c.name).where(users.c.name.in_(("admin", "nacre")))
    assert len(clouds[1].process.services["identity"].db.read(lambda tx: tx.scalars(names))) == 2
