"""Tokens: got by proofs, shown, and void as soon as anything that they stand on is gone."""

import itertools

import pytest

from nacre.services.identity.setup import rotate_keys

numbers = itertools.count()
SERVICE_PASSWORD = "the service user's password"
SERVICE_PROJECT = {"project": {"name": "service", "domain": {"id": "default"}}}


def auth(cloud, methods, scope=None, **proofs):
    body = {"auth": {"identity": {"methods": methods, **proofs}}}
    if scope is not None:
        body["auth"]["scope"] = scope
    return cloud.anonymous.post("identity", "/v3/auth/tokens", body)


def password(user_id, secret="a user's password"):
    return {"user": {"id": user_id, "password": secret}}


def with_token(cloud, token, scope=None):
    return auth(cloud, ["token"], scope, token={"id": token})


def shown(user, subject=None, query=""):
    headers = {"X-Subject-Token": subject or user.token}
    return user.get("identity", f"/v3/auth/tokens{query}", headers=headers)


def works(user):
    return user.get("identity", "/v3/auth/catalog").status == 200


def test_a_token_says_who_for_what_and_until_when(member, project):
    token = shown(member).json["token"]
    assert token["user"]["id"] == member.user_id
    assert token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"] == {
        "id": project["id"], "name": project["name"], "domain": {"id": "default", "name": "Default"}
    }  # fmt: skip
    assert token["is_domain"] is False
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]
    assert token["methods"] == ["password"]
    assert len(token["audit_ids"]) == 1
    assert [entry["type"] for entry in token["catalog"]] == ["identity"]
    assert token["expires_at"] > token["issued_at"]
    assert token["expires_at"].endswith("Z")


def test_a_token_is_the_same_at_its_issue_and_at_its_validation(cloud, member):
    issued = auth(
        cloud, ["password"], password=password(member.user_id), scope={"project": {"id": member.project_id}}
    )
    assert issued.status == 201
    text = issued.headers["x-subject-token"]
    validated = shown(member, text)
    assert validated.json == issued.json
    assert validated.headers["x-subject-token"] == text
    assert "catalog" not in shown(member, text, "?nocatalog").json["token"]
    assert (
        member.request("HEAD", "identity", "/v3/auth/tokens", headers={"X-Subject-Token": text}).status == 200
    )


@pytest.mark.parametrize(
    "scope",
    [
        {"project": {"id": "no-such-project"}},
        {"project": {"name": "admin", "domain": {"id": "default"}}},
        {"domain": {"id": "default"}},
        {"system": {"all": True}},
        {"OS-TRUST:trust": {"id": "no-such-trust"}},
    ],
)
def test_nobody_gets_a_token_for_where_they_have_no_role(cloud, member, scope):
    answer = auth(cloud, ["password"], scope, password=password(member.user_id))
    assert answer.status == 401
    assert answer.json["error"]["message"] == "The request you have made requires authentication."


def test_wrong_proofs_are_all_answered_alike(cloud, member):
    wrong = (
        password(member.user_id, "wrong"),
        password("no-such-user"),
        {"user": {"name": "no-such-user", "domain": {"id": "default"}, "password": "x"}},
        {"user": {"name": "admin", "domain": {"name": "no-such-domain"}, "password": "x"}},
        password(member.user_id, "x" * 4000),
    )
    answers = [auth(cloud, ["password"], password=proof) for proof in wrong]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"methods": []},
        {"methods": ["password"]},
        {"methods": ["password"], "password": {}},
        {"methods": ["password"], "password": {"user": {"password": "x"}}},
        {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}},
        {"methods": ["password"], "password": {"user": {"id": "x"}}},
        {"methods": ["application_credential"], "application_credential": {"name": "x", "secret": "y"}},
    ],
)
def test_requests_that_make_no_sense(cloud, identity):
    answer = cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}})
    assert answer.status == 400, answer


def test_unknown_methods_prove_nothing(cloud):
    assert auth(cloud, ["oauth9"], oauth9={}).status == 401


def test_scopes_by_name_domain_and_system(cloud, root, member, project, role_ids):
    root.put(f"/domains/default/users/{member.user_id}/roles/{role_ids['reader']}")
    root.put(f"/system/users/{member.user_id}/roles/{role_ids['reader']}")
    by_name = {"project": {"name": project["name"], "domain": {"name": "Default"}}}
    for scope, key in (
        (by_name, "project"),
        ({"domain": {"name": "Default"}}, "domain"),
        ({"system": {"all": True}}, "system"),
    ):
        token = auth(cloud, ["password"], scope, password=password(member.user_id)).json["token"]
        assert key in token
        assert token["roles"]
    unscoped = auth(cloud, ["password"], "unscoped", password=password(member.user_id)).json["token"]
    assert not {"project", "domain", "system", "roles", "catalog"} & set(unscoped)


def test_the_default_project_is_tried_where_no_scope_is_asked_for(cloud, root, member, project, make_project):
    user = password(member.user_id)
    assert "project" not in auth(cloud, ["password"], password=user).json["token"]
    root.patch(f"/users/{member.user_id}", {"user": {"default_project_id": project["id"]}})
    assert auth(cloud, ["password"], password=user).json["token"]["project"]["id"] == project["id"]
    root.patch(f"/users/{member.user_id}", {"user": {"default_project_id": make_project()["id"]}})
    assert "project" not in auth(cloud, ["password"], password=user).json["token"]


def test_a_token_gets_another_that_ends_no_later(cloud, member, project):
    unscoped = auth(cloud, ["password"], "unscoped", password=password(member.user_id))
    cloud.clock.turn(minutes=10)
    answer = with_token(cloud, unscoped.headers["x-subject-token"], {"project": {"id": project["id"]}})
    first, second = unscoped.json["token"], answer.json["token"]
    assert second["expires_at"] == first["expires_at"]
    assert second["methods"] == ["password", "token"]
    assert second["audit_ids"][1:] == first["audit_ids"]
    third = with_token(cloud, answer.headers["x-subject-token"]).json["token"]
    assert third["audit_ids"][1:] == first["audit_ids"]


def test_tokens_expire(cloud, member):
    token = member.token
    cloud.clock.turn(minutes=59)
    assert works(member)
    cloud.clock.turn(minutes=2)
    assert not works(member)
    assert with_token(cloud, token).status == 404


def test_services_may_look_at_tokens_that_have_expired(cloud, member, log_in):
    token = member.token
    cloud.clock.turn(hours=2)
    service = log_in("nacre", SERVICE_PASSWORD, scope=SERVICE_PROJECT)
    assert shown(service, token).status == 404
    assert shown(service, token, "?allow_expired=1").json["token"]["user"]["id"] == member.user_id
    cloud.clock.turn(days=3)
    service = log_in("nacre", SERVICE_PASSWORD, scope=SERVICE_PROJECT)
    assert shown(service, token, "?allow_expired=1").status == 404


def test_a_revoked_token_is_void_at_once_and_no_other(cloud, admin, member, project):
    other = with_token(cloud, member.token, {"project": {"id": project["id"]}}).headers["x-subject-token"]
    assert works(member)
    subject = {"X-Subject-Token": member.token}
    assert member.delete("identity", "/v3/auth/tokens", headers=subject).status == 204
    assert not works(member)
    assert shown(admin, member.token).status == 404
    assert works(cloud.user(other))
    assert with_token(cloud, member.token).status == 404


def end_by(what, root, user, project, role_ids):
    """Do something after which the user's token means nothing."""
    member = role_ids["member"]
    match what:
        case "password":
            root.patch(f"/users/{user.user_id}", {"user": {"password": "another"}})
        case "user disabled":
            root.patch(f"/users/{user.user_id}", {"user": {"enabled": False}})
        case "user disabled and enabled":
            root.patch(f"/users/{user.user_id}", {"user": {"enabled": False}})
            root.patch(f"/users/{user.user_id}", {"user": {"enabled": True}})
        case "user deleted":
            root.delete(f"/users/{user.user_id}")
        case "project disabled":
            root.patch(f"/projects/{project['id']}", {"project": {"enabled": False}})
        case "project disabled and enabled":
            root.patch(f"/projects/{project['id']}", {"project": {"enabled": False}})
            root.patch(f"/projects/{project['id']}", {"project": {"enabled": True}})
        case "project deleted":
            root.delete(f"/projects/{project['id']}")
        case "role taken":
            root.delete(f"/projects/{project['id']}/users/{user.user_id}/roles/{member}")


@pytest.mark.parametrize(
    "what",
    ["password", "user disabled", "user disabled and enabled", "user deleted", "project disabled",
     "project disabled and enabled", "project deleted", "role taken"],
)  # fmt: skip
def test_a_token_is_void_as_soon_as_what_it_stands_on_is_gone(root, member, project, role_ids, what):
    assert works(member)
    end_by(what, root, member, project, role_ids)
    assert not works(member)


@pytest.mark.parametrize(
    "what", ["user disabled", "user deleted", "project disabled", "project deleted", "role taken"]
)
def test_nobody_gets_another_token_when_what_the_last_one_stood_on_is_gone(
    cloud, root, member, project, role_ids, what
):
    scope, proof = {"project": {"id": project["id"]}}, password(member.user_id)
    unscoped = auth(cloud, ["password"], "unscoped", password=proof).headers["x-subject-token"]
    for _ in range(2):
        assert auth(cloud, ["password"], scope, password=proof).status == 201
        assert with_token(cloud, unscoped, scope).status == 201
    end_by(what, root, member, project, role_ids)
    assert auth(cloud, ["password"], scope, password=proof).status == 401
    assert with_token(cloud, unscoped, scope).status == (404 if what.startswith("user") else 401)


def test_the_next_token_has_the_roles_and_the_names_of_its_own_time(cloud, root, member, project, role_ids):
    scope, proof = {"project": {"id": project["id"]}}, password(member.user_id)

    def next_token():
        token = auth(cloud, ["password"], scope, password=proof).json["token"]
        return {role["name"] for role in token["roles"]}, token["user"]["name"], len(token["catalog"])

    roles, name, services = next_token()
    assert "manager" not in roles
    root.put(f"/projects/{project['id']}/users/{member.user_id}/roles/{role_ids['manager']}")
    assert next_token()[0] > roles
    root.delete(f"/projects/{project['id']}/users/{member.user_id}/roles/{role_ids['manager']}")
    root.patch(f"/users/{member.user_id}", {"user": {"name": f"{name}-renamed"}})
    service = root.make("services", "service", type=f"kind-{next(numbers)}", name="new")
    assert next_token() == (roles, f"{name}-renamed", services + 1)
    root.delete(f"/services/{service['id']}")
    assert next_token() == (roles, f"{name}-renamed", services)


def test_a_disabled_domain_ends_the_tokens_of_its_users_and_for_its_projects(root, make_user, make_project):
    domain = root.make("domains", "domain", name=f"dom-{next(numbers)}")
    inside = make_user("member", domain_id=domain["id"])
    visitor = make_user("member", project_id=make_project(domain_id=domain["id"])["id"])
    assert works(inside)
    assert works(visitor)
    root.patch(f"/domains/{domain['id']}", {"domain": {"enabled": False}})
    assert not works(inside)
    assert not works(visitor)
    root.patch(f"/domains/{domain['id']}", {"domain": {"enabled": True}})
    assert not works(inside)
    assert not works(visitor)


def test_roles_by_a_group_go_with_the_membership(cloud, root, member, make_project, role_ids):
    project = make_project()
    group = root.make("groups", "group", name=f"group-{next(numbers)}")
    root.put(f"/projects/{project['id']}/groups/{group['id']}/roles/{role_ids['member']}")
    root.put(f"/groups/{group['id']}/users/{member.user_id}")
    scope = {"project": {"id": project["id"]}}
    token = auth(cloud, ["password"], scope, password=password(member.user_id)).headers["x-subject-token"]
    assert works(cloud.user(token))
    root.delete(f"/groups/{group['id']}/users/{member.user_id}")
    assert not works(cloud.user(token))


def test_a_name_that_changes_is_seen_in_tokens_that_are_about(root, member, project):
    assert shown(member).json["token"]["project"]["name"] == project["name"]
    root.patch(f"/projects/{project['id']}", {"project": {"name": f"renamed-{next(numbers)}"}})
    assert shown(member).json["token"]["project"]["name"].startswith("renamed-")


def test_strangers_learn_nothing_of_a_token(admin, reader, stranger, member):
    assert shown(stranger, reader.token).status == 403
    assert (
        stranger.delete("identity", "/v3/auth/tokens", headers={"X-Subject-Token": reader.token}).status
        == 403
    )
    assert works(reader)
    assert shown(admin, member.token).status == 200


@pytest.mark.parametrize(
    "text", ["", "x", "gAAAAA", "gAAAAABl" + "A" * 200, "é" * 40, "A" * 10_000, "%00", "gAAAAAB\x7f"]
)
def test_what_is_no_token(cloud, admin, text):
    assert cloud.user(text).get("identity", "/v3/projects").status == 401
    answer = admin.get("identity", "/v3/auth/tokens", headers={"X-Subject-Token": text})
    assert answer.status == (404 if text else 400)


def test_a_token_that_was_tampered_with_is_none(cloud, member):
    middle = len(member.token) // 2
    other = "A" if member.token[middle] != "A" else "B"
    assert not works(cloud.user(member.token[:middle] + other + member.token[middle + 1 :]))


def test_keys_rotate_and_tokens_stay(cloud, member, log_in, root):
    service = cloud.process.services["identity"]
    directory = cloud.process.state / "keys" / "fernet"
    rotate_keys(service)
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700
    name = root.get(f"/users/{member.user_id}")["user"]["name"]
    newer = log_in(name, scope=member.project_id)
    service.memory["identity"].tokens.advance(0)  # nothing is remembered
    assert works(member)
    assert works(newer)
    rotate_keys(service)
    assert len(list(directory.iterdir())) == 3
    service.memory["identity"].tokens.advance(0)
    assert not works(member)
    assert works(newer)


def test_more_than_one_proof_where_the_user_needs_more(cloud, root, member):
    root.patch(
        f"/users/{member.user_id}",
        {"user": {"options": {"multi_factor_auth_rules": [["password", "totp"]]}}},
    )
    assert auth(cloud, ["password"], password=password(member.user_id)).status == 401
    secret = "JBSWY3DPEHPK3PXP"
    root.post("/credentials", {"credential": {"type": "totp", "blob": secret, "user_id": member.user_id}})

    from nacre.services.identity.app.proofs import totp

    code = totp(secret, int(cloud.clock.now().timestamp()) // 30)
    both = {"password": password(member.user_id), "totp": {"user": {"id": member.user_id, "passcode": code}}}
    answer = auth(cloud, ["password", "totp"], "unscoped", **both)
    assert answer.json["token"]["methods"] == ["password", "totp"]
    both["totp"]["user"]["passcode"] = "000000" if code != "000000" else "111111"
    assert auth(cloud, ["password", "totp"], **both).status == 401


def test_proofs_of_two_users_are_no_proof(cloud, member, reader):
    answer = auth(cloud, ["password", "token"], password=password(member.user_id), token={"id": reader.token})
    assert answer.status == 401


def test_where_one_may_go(cloud, root, member, project, make_project, as_identity, role_ids):
    other, disabled = make_project(), make_project()
    for each in (other, disabled):
        root.put(f"/projects/{each['id']}/users/{member.user_id}/roles/{role_ids['reader']}")
    root.patch(f"/projects/{disabled['id']}", {"project": {"enabled": False}})
    unscoped = auth(cloud, ["password"], "unscoped", password=password(member.user_id))
    me = as_identity(cloud.user(unscoped.headers["x-subject-token"]))
    assert me.names("/auth/projects", "projects") == sorted([project["name"], other["name"]])
    assert me.get("/auth/domains")["domains"] == []
    assert me.get("/auth/system")["system"] == []
    assert me.names(f"/users/{member.user_id}/projects", "projects") == sorted(
        [project["name"], other["name"], disabled["name"]]
    )
