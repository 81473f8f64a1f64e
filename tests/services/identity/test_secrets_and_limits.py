"""Credentials, EC2 keys and what is signed with them; limits; policy documents; consumers."""

import base64
import hashlib
import hmac
import itertools

import msgspec
import pytest
from sqlalchemy import select

from nacre.services.identity.db.tables import credentials as credentials_table
from nacre.services.identity.setup import rotate_keys

numbers = itertools.count()


def unique(word):
    return f"{word}-{next(numbers)}"


@pytest.fixture
def me(member, as_identity):
    return as_identity(member)


def test_credentials_are_kept_encrypted_and_given_back(cloud, me):
    made = me.make("credentials", "credential", type="cert", blob="the secret", user_id=me.user_id)
    path = f"/credentials/{made['id']}"
    assert me.get(path)["credential"] == made
    changed = me.patch(path, {"credential": {"blob": "another"}})["credential"]
    assert (changed["blob"], changed["type"]) == ("another", "cert")
    me.patch(path, {"credential": {"user_id": "somebody"}}, status=400)
    stored = cloud.process.services["identity"].db.read(
        lambda tx: tx.scalar(
            select(credentials_table.c.sealed_blob).where(credentials_table.c.id == made["id"])
        )
    )
    assert "another" not in stored
    rotate_keys(cloud.process.services["identity"])
    rotate_keys(cloud.process.services["identity"])
    rotate_keys(cloud.process.services["identity"])
    assert me.get(path)["credential"]["blob"] == "another"
    me.delete(path, status=204)
    me.get(path, status=403)


def test_everybody_has_their_own_credentials_only(me, stranger, as_identity, root):
    made = me.make("credentials", "credential", type="cert", blob="x", user_id=me.user_id)
    other = as_identity(stranger)
    other.get(f"/credentials/{made['id']}", status=403)
    other.delete(f"/credentials/{made['id']}", status=403)
    other.post("/credentials", {"credential": {"type": "x", "blob": "x", "user_id": me.user_id}}, status=403)
    assert other.get("/credentials")["credentials"] == []
    assert other.get(f"/credentials?user_id={me.user_id}")["credentials"] == []
    assert [each["id"] for each in me.get("/credentials")["credentials"]] == [made["id"]]
    assert made["id"] in [each["id"] for each in root.get("/credentials?type=cert")["credentials"]]


def make_ec2(me):
    path = f"/users/{me.user_id}/credentials/OS-EC2"
    return me.post(path, {"tenant_id": me.project_id}, status=201)["credential"]


def test_ec2_credentials(me, stranger, as_identity):
    made = make_ec2(me)
    path = f"/users/{me.user_id}/credentials/OS-EC2"
    assert (made["user_id"], made["tenant_id"]) == (me.user_id, me.project_id)
    assert me.get(f"{path}/{made['access']}")["credential"] == made
    assert me.get(path)["credentials"] == [made]
    generic = me.get(f"/credentials/{hashlib.sha256(made['access'].encode()).hexdigest()}")["credential"]
    assert msgspec.json.decode(generic["blob"])["secret"] == made["secret"]
    as_identity(stranger).get(path, status=403)
    as_identity(stranger).get(f"{path}/{made['access']}", status=403)
    as_identity(stranger).delete(f"{path}/{made['access']}", status=403)
    me.delete(f"{path}/{made['access']}", status=204)
    me.get(f"{path}/{made['access']}", status=404)


@pytest.mark.parametrize("blob", ["", "[]", "{}", '{"access": 5}', "no json"])
def test_ec2_credentials_that_are_none(me, blob):
    body = {"type": "ec2", "blob": blob, "user_id": me.user_id, "project_id": me.project_id}
    me.post("/credentials", {"credential": body}, status=400)


def hmac256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def version_4_signature(secret, scope, text):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac256(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signed_for_s3(secret, scope="20261121/RegionOne/s3/aws4_request"):
    text = f"AWS4-HMAC-SHA256\n20261121T000000Z\n{scope}\n{'0' * 64}"
    token = base64.urlsafe_b64encode(text.encode()).decode()
    return {"token": token, "signature": version_4_signature(secret, scope, text)}


def signed_for_s3_the_old_way(secret):
    text = b"GET\n\n\nSat, 21 Nov 2026 00:00:00 GMT\n/bucket/object"
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha1).digest()).decode()
    return {"token": base64.urlsafe_b64encode(text).decode(), "signature": signature}


def test_who_signed_gets_a_token(root, me):
    key = make_ec2(me)
    for signed in (signed_for_s3(key["secret"]), signed_for_s3_the_old_way(key["secret"])):
        token = root.post("/s3tokens", {"credentials": {"access": key["access"], **signed}}, status=200)[
            "token"
        ]
        assert (token["user"]["id"], token["project"]["id"]) == (me.user_id, me.project_id)
        assert token["methods"] == ["ec2credential"]


def test_who_signed_with_something_else_gets_none(root, me):
    key = make_ec2(me)
    wrong = {"access": key["access"], **signed_for_s3("another secret")}
    root.post("/s3tokens", {"credentials": wrong}, status=401)
    root.post("/s3tokens", {"credentials": wrong | {"access": "nobody"}}, status=401)
    root.post("/s3tokens", {"credentials": wrong | {"token": "!"}}, status=401)
    # compat: only services may ask, or a presigned address would be worth a token (CVE-2025-65073).
    me.post(
        "/s3tokens", {"credentials": {"access": key["access"], **signed_for_s3(key["secret"])}}, status=403
    )


def test_requests_to_ec2_are_signed_as_a_whole(root, me):
    key = make_ec2(me)
    params = {"Action": "DescribeInstances", "SignatureVersion": "2", "SignatureMethod": "HmacSHA256"}
    text = "GET\n198.51.100.1\n/\nAction=DescribeInstances&SignatureMethod=HmacSHA256&SignatureVersion=2"
    signature = base64.b64encode(hmac256(key["secret"].encode(), text)).decode()
    given = {
        "access": key["access"], "signature": signature, "verb": "GET", "path": "/",
        "host": "198.51.100.1:8773", "params": params,
    }  # fmt: skip
    root.post("/ec2tokens", {"credentials": given}, status=200)
    root.post("/ec2tokens", {"ec2Credentials": given}, status=200)
    root.post("/ec2tokens", {"credentials": given | {"path": "/other"}}, status=401)

    scope, moment = "20261121/RegionOne/ec2/aws4_request", "20261121T000000Z"
    headers = {
        "Host": "198.51.100.1",
        "X-Amz-Date": moment,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key['access']}/{scope}, "
        "SignedHeaders=host;x-amz-date, Signature=ignored",
    }
    canonical = f"POST\n/\n\nhost:198.51.100.1\nx-amz-date:{moment}\n\nhost;x-amz-date\nabc"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = version_4_signature(key["secret"], scope, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}")
    given = {
        "access": key["access"], "signature": signature, "verb": "POST", "path": "/", "host": "198.51.100.1",
        "headers": headers, "params": {"Action": "DescribeInstances"}, "body_hash": "abc",
    }  # fmt: skip
    root.post("/ec2tokens", {"credentials": given}, status=200)
    root.post("/ec2tokens", {"credentials": given | {"body_hash": "abd"}}, status=401)


def test_a_key_made_with_an_application_credential_is_good_for_no_more(cloud, root, me, as_identity):
    body = {"application_credential": {"name": unique("app"), "roles": [{"name": "member"}]}}
    app = me.post(f"/users/{me.user_id}/application_credentials", body)["application_credential"]
    proof = {"id": app["id"], "secret": app["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}
    answer = cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}})
    robot = as_identity(cloud.user(answer.headers["x-subject-token"]))
    path = f"/users/{me.user_id}/credentials/OS-EC2"
    key = robot.post(path, {"tenant_id": me.project_id})["credential"]
    signed = {"credentials": {"access": key["access"], **signed_for_s3(key["secret"])}}
    token = root.post("/s3tokens", signed)["token"]
    assert token["application_credential"]["id"] == app["id"]
    me.delete(f"/users/{me.user_id}/application_credentials/{app['id']}")
    root.post("/s3tokens", signed, status=401)


# -- limits ----------------------------------------------------------------------------------------------------


@pytest.fixture
def service_id(root):
    return root.make("services", "service", type=unique("type"), name="s")["id"]


def test_limits_need_a_registered_one(root, me, stranger, service_id, as_identity):
    about = {"service_id": service_id, "resource_name": "widgets"}
    own = about | {"project_id": me.project_id, "resource_limit": 5}
    root.post("/limits", {"limits": [own]}, status=403)
    (registered,) = root.post("/registered_limits", {"registered_limits": [about | {"default_limit": 10}]})[
        "registered_limits"
    ]
    root.post("/registered_limits", {"registered_limits": [about | {"default_limit": 9}]}, status=409)
    (limit,) = root.post("/limits", {"limits": [own]}, status=201)["limits"]
    root.post("/limits", {"limits": [own]}, status=409)
    assert [each["id"] for each in me.get("/limits")["limits"]] == [limit["id"]]
    assert me.get(f"/limits/{limit['id']}")["limit"]["resource_limit"] == 5
    assert as_identity(stranger).get("/limits")["limits"] == []
    as_identity(stranger).get(f"/limits/{limit['id']}", status=403)
    assert me.get(f"/registered_limits?service_id={service_id}")["registered_limits"] == [registered]
    changed = root.patch(f"/limits/{limit['id']}", {"limit": {"resource_limit": 7}})["limit"]
    assert changed["resource_limit"] == 7
    path = f"/registered_limits/{registered['id']}"
    root.delete(path, status=403)
    root.patch(path, {"registered_limit": {"resource_name": "gadgets"}}, status=403)
    assert (
        root.patch(path, {"registered_limit": {"default_limit": 11}})["registered_limit"]["default_limit"]
        == 11
    )
    me.delete(f"/limits/{limit['id']}", status=403)
    root.delete(f"/limits/{limit['id']}", status=204)
    root.delete(path, status=204)


@pytest.mark.parametrize(
    "change", [{"service_id": "nowhere"}, {"default_limit": -2}, {"default_limit": "5"}, {"x": 1}]
)
def test_registered_limits_that_make_no_sense(root, service_id, change):
    body = {"service_id": service_id, "resource_name": "widgets", "default_limit": 1} | change
    root.post("/registered_limits", {"registered_limits": [body]}, status=400)


def test_the_model_of_limits(me):
    assert me.get("/limits/model")["model"]["name"] == "flat"


def test_policy_documents_and_consumers_are_kept(root, me):
    made = root.make("policies", "policy", type="application/json", blob="{}")
    assert root.patch(f"/policies/{made['id']}", {"policy": {"blob": "{1}"}})["policy"]["blob"] == "{1}"
    root.delete(f"/policies/{made['id']}", status=204)
    consumer = root.make("OS-OAUTH1/consumers", "consumer", description="d")
    assert consumer["secret"]
    assert "secret" not in root.get(f"/OS-OAUTH1/consumers/{consumer['id']}")["consumer"]
    me.get("/OS-OAUTH1/consumers", status=403)
    me.post("/policies", {"policy": {"type": "x", "blob": "x"}}, status=403)
