"""A cloud with every rule for passwords switched on."""

import itertools

import pytest

numbers = itertools.count()


@pytest.fixture(scope="module")
def cloud_config():
    rules = {
        "lockout_failures": 2,
        "lockout_seconds": 60,
        "unique_last_passwords": 2,
        "password_expires_days": 30,
        "password_pattern": r"(?=.*\d).{4,}",
        "password_pattern_description": "four characters, one of them a digit",
    }
    return {"identity": rules}


@pytest.fixture
def user_id(root):
    user = root.post("/users", {"user": {"name": f"strict-{next(numbers)}", "password": "first 1"}})["user"]
    assert user["password_expires_at"] is not None
    return user["id"]


def attempt(cloud, user_id, password):
    identity = {"methods": ["password"], "password": {"user": {"id": user_id, "password": password}}}
    return cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}})


def change(cloud, user_id, old, new):
    body = {"user": {"original_password": old, "password": new}}
    return cloud.anonymous.post("identity", f"/v3/users/{user_id}/password", body)


def test_a_user_is_locked_out_for_a_while(cloud, user_id):
    for _ in range(2):
        assert attempt(cloud, user_id, "wrong").status == 401
    assert attempt(cloud, user_id, "first 1").status == 401
    cloud.clock.turn(seconds=61)
    assert attempt(cloud, user_id, "wrong").status == 401
    assert attempt(cloud, user_id, "first 1").status == 201


def test_earlier_passwords_cannot_be_chosen_again(cloud, user_id, root):
    assert change(cloud, user_id, "first 1", "first 1").status == 400
    assert change(cloud, user_id, "first 1", "second 2").status == 204
    assert change(cloud, user_id, "second 2", "first 1").status == 400
    assert change(cloud, user_id, "second 2", "third 3").status == 204
    assert change(cloud, user_id, "third 3", "first 1").status == 204
    root.patch(f"/users/{user_id}", {"user": {"password": "first 1"}})


def test_passwords_must_match_the_pattern(cloud, user_id, root):
    refused = change(cloud, user_id, "first 1", "none")
    assert refused.status == 400
    assert "four characters, one of them a digit" in refused.json["error"]["message"]
    root.patch(f"/users/{user_id}", {"user": {"password": "none"}}, status=400)
    shown = root.get("/domains/default/config/security_compliance")["config"]["security_compliance"]
    assert shown["password_regex_description"] == "four characters, one of them a digit"


def test_passwords_expire(cloud, user_id, root):
    cloud.clock.turn(days=31)
    refused = attempt(cloud, user_id, "first 1")
    assert refused.status == 401
    assert "expired" in refused.json["error"]["message"]
    assert change(cloud, user_id, "first 1", "second 2").status == 204
    assert attempt(cloud, user_id, "second 2").status == 201


def test_locked_passwords_stay(cloud, user_id, root):
    root.patch(f"/users/{user_id}", {"user": {"options": {"lock_password": True}}})
    assert change(cloud, user_id, "first 1", "second 2").status == 400
