"""Acting in somebody's place: application credentials and trusts."""

import itertools

import pytest

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


@pytest.fixture
def me(member, as_identity):
    return as_identity(member)


def log_in_with(cloud, credential, **changes):
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": credential["id"], "secret": credential["secret"], **changes},
    }
    return cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}})


def make(me, **fields):
    body = {"application_credential": {"name": unique("app"), **fields}}
    return me.post(f"/users/{me.user_id}/application_credentials", body, status=201)["application_credential"]


def test_an_application_credential_stands_in_for_its_user(cloud, me):
    made = make(me, description="for the robot", roles=[{"name": "reader"}])
    assert [role["name"] for role in made["roles"]] == ["reader"]
    shown = me.get(f"/users/{me.user_id}/application_credentials/{made['id']}")["application_credential"]
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    token = log_in_with(cloud, made).json["token"]
    assert (token["user"]["id"], token["project"]["id"]) == (me.user_id, me.project_id)
    assert [role["name"] for role in token["roles"]] == ["reader"]
    assert token["methods"] == ["application_credential"]
    assert token["application_credential"] == {"id": made["id"], "name": made["name"], "restricted": True}


def test_without_a_wish_it_has_the_roles_of_the_token(cloud, me):
    made = make(me)
    assert sorted(role["name"] for role in made["roles"]) == ["member", "reader"]
    assert len(log_in_with(cloud, made).json["token"]["roles"]) == 2


def test_wrong_secrets(cloud, me):
    made = make(me)
    assert log_in_with(cloud, made, secret="wrong").status == 401
    assert log_in_with(cloud, made, id="0" * 32).status == 401
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": made["id"], "secret": made["secret"]},
    }
    auth = {"identity": identity, "scope": {"project": {"id": me.project_id}}}
    assert cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": auth}).status == 401


def test_it_is_found_by_name_too(cloud, me):
    made = make(me, secret="mine")
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"name": made["name"], "user": {"id": me.user_id}, "secret": "mine"},
    }
    assert cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}}).status == 201


def test_it_ends_with_what_it_stands_on(cloud, me, root, role_ids):
    made = make(me)
    user = cloud.user(log_in_with(cloud, made).headers["x-subject-token"])
    assert user.get("identity", "/v3/auth/catalog").status == 200
    root.delete(f"/projects/{me.project_id}/users/{me.user_id}/roles/{role_ids['member']}")
    assert user.get("identity", "/v3/auth/catalog").status == 401
    assert log_in_with(cloud, made).status == 401


def test_its_tokens_end_with_it(cloud, me):
    made = make(me)
    user = cloud.user(log_in_with(cloud, made).headers["x-subject-token"])
    me.delete(f"/users/{me.user_id}/application_credentials/{made['id']}", status=204)
    assert user.get("identity", "/v3/auth/catalog").status == 401


def test_it_expires(cloud, me):
    soon = cloud.clock.now().replace(microsecond=0)
    made = make(me, expires_at=soon.replace(year=soon.year + 1).isoformat())
    assert made["expires_at"].startswith(str(soon.year + 1))
    me.post(
        f"/users/{me.user_id}/application_credentials",
        {"application_credential": {"name": "late", "expires_at": "2020-01-01T00:00:00"}},
        status=400,
    )
    cloud.clock.turn(days=400)
    assert log_in_with(cloud, made).status == 401


def test_a_restricted_one_makes_no_others(cloud, me, as_identity):
    robot = as_identity(cloud.user(log_in_with(cloud, make(me)).headers["x-subject-token"]))
    body = {"application_credential": {"name": "child"}}
    robot.post(f"/users/{me.user_id}/application_credentials", body, status=403)
    free = make(me, unrestricted=True)
    robot = as_identity(cloud.user(log_in_with(cloud, free).headers["x-subject-token"]))
    robot.post(f"/users/{me.user_id}/application_credentials", body, status=201)


def test_it_gives_no_token_for_another_scope(cloud, me):
    token = log_in_with(cloud, make(me)).headers["x-subject-token"]
    identity = {"methods": ["token"], "token": {"id": token}}
    assert cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}}).status == 403


def test_roles_that_the_user_does_not_have(me, role_ids):
    body = {"application_credential": {"name": "greedy", "roles": [{"id": role_ids["admin"]}]}}
    me.post(f"/users/{me.user_id}/application_credentials", body, status=400)
    body["application_credential"]["roles"] = [{"id": "nothing"}]
    me.post(f"/users/{me.user_id}/application_credentials", body, status=404)


def test_names_are_unique_for_a_user(me):
    made = make(me)
    body = {"application_credential": {"name": made["name"]}}
    me.post(f"/users/{me.user_id}/application_credentials", body, status=409)


def test_nobody_makes_them_for_others_or_sees_them(me, stranger, admin, as_identity):
    made = make(me)
    path = f"/users/{me.user_id}/application_credentials"
    for other, status in ((as_identity(stranger), 403), (as_identity(admin), 403)):
        other.post(path, {"application_credential": {"name": "x"}}, status=status)
    as_identity(stranger).get(path, status=403)
    as_identity(stranger).get(f"{path}/{made['id']}", status=403)
    assert as_identity(admin).get(f"{path}/{made['id']}")


def test_access_rules_outlive_the_credential(cloud, me):
    rule = {"service": "compute", "method": "GET", "path": "/v2.1/servers"}
    first, second = make(me, access_rules=[rule]), make(me, access_rules=[rule])
    (kept,) = first["access_rules"]
    assert kept == {"id": kept["id"], **rule}
    assert second["access_rules"] == [kept]
    assert log_in_with(cloud, first).json["token"]["application_credential"]["access_rules"] == [kept]
    path = f"/users/{me.user_id}/access_rules"
    assert len(me.get(path)["access_rules"]) == 1
    me.delete(f"{path}/{kept['id']}", status=403)
    for made in (first, second):
        me.delete(f"/users/{me.user_id}/application_credentials/{made['id']}")
    me.get(f"{path}/{kept['id']}")
    me.delete(f"{path}/{kept['id']}", status=204)
    me.get(f"{path}/{kept['id']}", status=404)


# -- trusts ------------------------------------------------------------------------------------------------


@pytest.fixture
def friend(stranger, as_identity):
    return as_identity(stranger)


def trust(me, friend, **fields):
    body = {
        "trustor_user_id": me.user_id,
        "trustee_user_id": friend.user_id,
        "project_id": me.project_id,
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    return me.post("/OS-TRUST/trusts", {"trust": body | fields}, status=201)["trust"]


def act_by(cloud, friend, trust, token=None):
    identity = {"methods": ["token"], "token": {"id": token or friend.user.token}}
    auth = {"identity": identity, "scope": {"OS-TRUST:trust": {"id": trust["id"]}}}
    return cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": auth})


def test_the_trustee_acts_as_the_trustor(cloud, me, friend):
    made = trust(me, friend)
    assert [role["name"] for role in made["roles"]] == ["member"]
    token = act_by(cloud, friend, made).json["token"]
    assert (token["user"]["id"], token["project"]["id"]) == (me.user_id, me.project_id)
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]
    assert token["OS-TRUST:trust"] == {
        "id": made["id"],
        "impersonation": True,
        "trustor_user": {"id": me.user_id},
        "trustee_user": {"id": friend.user_id},
    }


def test_without_impersonation_the_trustee_stays_who_they_are(cloud, me, friend):
    token = act_by(cloud, friend, trust(me, friend, impersonation=False)).json["token"]
    assert (token["user"]["id"], token["project"]["id"]) == (friend.user_id, me.project_id)


def test_nobody_else_acts_by_it(cloud, me, friend, reader, as_identity):
    made = trust(me, friend)
    assert act_by(cloud, as_identity(reader), made).status == 401
    as_identity(reader).get(f"/OS-TRUST/trusts/{made['id']}", status=403)
    assert friend.get(f"/OS-TRUST/trusts/{made['id']}")["trust"]["id"] == made["id"]


def test_its_tokens_end_with_it_and_with_the_roles(cloud, me, friend, root, role_ids):
    made = trust(me, friend)
    user = cloud.user(act_by(cloud, friend, made).headers["x-subject-token"])
    assert user.get("identity", "/v3/auth/catalog").status == 200
    me.delete(f"/OS-TRUST/trusts/{made['id']}", status=204)
    assert user.get("identity", "/v3/auth/catalog").status == 401
    made = trust(me, friend)
    user = cloud.user(act_by(cloud, friend, made).headers["x-subject-token"])
    root.delete(f"/projects/{me.project_id}/users/{me.user_id}/roles/{role_ids['member']}")
    assert user.get("identity", "/v3/auth/catalog").status == 401
    assert act_by(cloud, friend, made).status == 401


def test_a_trust_may_be_limited_in_uses_and_in_time(cloud, me, friend):
    once = trust(me, friend, remaining_uses=1)
    assert act_by(cloud, friend, once).status == 201
    assert act_by(cloud, friend, once).status == 401
    end = cloud.clock.now().replace(microsecond=0, year=cloud.clock.now().year + 1)
    short = trust(me, friend, expires_at=end.isoformat())
    assert short["expires_at"] == end.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    me.post("/OS-TRUST/trusts", {"trust": {"expires_at": "bad"}}, status=400)


def test_one_trusts_for_oneself_and_with_roles_one_has(me, friend, role_ids):
    body = {
        "trustor_user_id": friend.user_id, "trustee_user_id": me.user_id, "impersonation": True,
        "project_id": friend.project_id, "roles": [{"name": "member"}],
    }  # fmt: skip
    me.post("/OS-TRUST/trusts", {"trust": body}, status=403)
    body |= {"trustor_user_id": me.user_id, "trustee_user_id": friend.user_id, "project_id": me.project_id}
    me.post("/OS-TRUST/trusts", {"trust": body | {"roles": [{"name": "admin"}]}}, status=404)
    me.post("/OS-TRUST/trusts", {"trust": body | {"roles": []}}, status=403)


def test_lists_of_trusts(me, friend, root, reader, as_identity):
    made = trust(me, friend)
    assert [each["id"] for each in me.get(f"/OS-TRUST/trusts?trustor_user_id={me.user_id}")["trusts"]] == [
        made["id"]
    ]
    found = friend.get(f"/OS-TRUST/trusts?trustee_user_id={friend.user_id}")["trusts"]
    assert [each["id"] for each in found] == [made["id"]]
    me.get("/OS-TRUST/trusts", status=403)
    as_identity(reader).get(f"/OS-TRUST/trusts?trustor_user_id={me.user_id}", status=403)
    assert made["id"] in [each["id"] for each in root.get("/OS-TRUST/trusts")["trusts"]]


def test_a_trust_may_be_passed_on_as_often_as_it_says(cloud, me, friend, make_user, as_identity):
    made = trust(me, friend, allow_redelegation=True, redelegation_count=1)
    acting = as_identity(cloud.user(act_by(cloud, friend, made).headers["x-subject-token"]))
    third = as_identity(make_user("reader"))
    body = {
        "trustor_user_id": me.user_id, "trustee_user_id": third.user_id, "impersonation": True,
        "project_id": me.project_id, "roles": [{"name": "reader"}], "allow_redelegation": True,
    }  # fmt: skip
    passed = acting.post("/OS-TRUST/trusts", {"trust": body}, status=201)["trust"]
    assert (passed["redelegated_trust_id"], passed["redelegation_count"]) == (made["id"], 0)
    token = act_by(cloud, third, passed)
    assert [role["name"] for role in token.json["token"]["roles"]] == ["reader"]
    again = as_identity(cloud.user(token.headers["x-subject-token"]))
    again.post("/OS-TRUST/trusts", {"trust": body}, status=403)
    me.delete(f"/OS-TRUST/trusts/{made['id']}")
    assert act_by(cloud, third, passed).status == 401


def test_a_trust_makes_no_lasting_secrets(cloud, me, friend, as_identity):
    acting = as_identity(cloud.user(act_by(cloud, friend, trust(me, friend)).headers["x-subject-token"]))
    body = {"application_credential": {"name": "escape"}}
    acting.post(f"/users/{me.user_id}/application_credentials", body, status=403)
