"""Tokens: got by proofs, shown, and void as soon as anything that they stand on is gone."""


def test_a_token_says_who_for_what_and_until_when(admin, member, project):
    token = member.get("identity", "/v3/auth/tokens", headers={"X-Subject-Token": member.token}).json["token"]
    assert token["user"]["id"] == member.user_id
    assert token["project"]["id"] == project["id"]
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]
    assert token["methods"] == ["password"]
    assert [entry["type"] for entry in token["catalog"]] == ["identity"]
    assert token["expires_at"] > token["issued_at"]


def test_a_revoked_token_is_void_at_once(admin, member):
    assert member.get("identity", "/v3/auth/catalog").status == 200
    subject = {"X-Subject-Token": member.token}
    assert admin.delete("identity", "/v3/auth/tokens", headers=subject).status == 204
    assert member.get("identity", "/v3/auth/catalog").status == 401
    assert admin.get("identity", "/v3/auth/tokens", headers=subject).status == 404


def test_strangers_learn_nothing_of_a_token(reader, stranger):
    answer = stranger.get("identity", "/v3/auth/tokens", headers={"X-Subject-Token": reader.token})
    assert answer.status == 403
