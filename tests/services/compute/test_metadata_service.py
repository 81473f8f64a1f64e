"""What a guest reads at 169.254.169.254, as its network agent passes it on."""

import base64

import pytest

from nacre.services.compute.app.metadata_callers import signature
from nacre.services.network.agent.metadata import signature as agents_signature

SECRET = "only agents know"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGUOHe5KgKHNRUrmgVjFB0sNTZEiNUYBCAPNxVCLLnUy mia"


@pytest.fixture
def config(request):
    return getattr(request, "param", {"compute": {"metadata_secret": SECRET}})


@pytest.fixture
def server(stocked, member):
    keypair = {"keypair": {"name": "mine", "public_key": KEY}}
    assert member.post("/os-keypairs", keypair).status == 200
    script = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()
    return member.create(name="web", key_name="mine", user_data=script, metadata={"role": "front"})


@pytest.fixture
def ask(cloud, server):
    def ask(path, method="GET", **options):
        headers = headers_for(server) | options.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        return cloud.anonymous.request(method, "metadata", path, headers=headers, **options)

    return ask


def headers_for(server, project="p1", secret=SECRET):
    return {
        "X-Instance-ID": server,
        "X-Tenant-ID": project,
        "X-Forwarded-For": "10.0.0.9",
        "X-Instance-ID-Signature": agents_signature(secret, server),
    }


def lines(answer):
    assert answer.status == 200, answer
    return answer.body.decode().split("\n")


def test_both_sides_sign_alike():
    assert signature("s", "id") == agents_signature("s", "id")


def test_openstack_tree(ask, server):
    assert lines(ask("/openstack"))[-1] == "latest"
    assert lines(ask("/openstack/latest/")) == [
        "meta_data.json", "network_data.json", "password", "user_data", "vendor_data.json",
        "vendor_data2.json",
    ]  # fmt: skip
    assert lines(ask("/openstack/2012-08-10")) == ["meta_data.json", "user_data"]
    meta = ask("/openstack/latest/meta_data.json")
    assert meta.headers["content-type"] == "application/json"
    shown = meta.json
    assert (shown["uuid"], shown["name"], shown["project_id"]) == (server, "web", "p1")
    assert shown["hostname"] == "web.novalocal"
    assert shown["meta"] == {"role": "front"}
    assert shown["public_keys"] == {"mine": KEY}
    assert shown["keys"] == [{"name": "mine", "type": "ssh", "data": KEY}]
    assert len(base64.b64decode(shown["random_seed"])) == 512
    assert "admin_pass" not in shown
    assert "random_seed" not in ask("/openstack/2012-08-10/meta_data.json").json
    assert ask("/openstack/latest/user_data").body == b"#!/bin/sh\necho hello\n"
    assert ask("/openstack/latest/vendor_data.json").json == {}
    assert set(ask("/openstack/latest/network_data.json").json) == {"links", "networks", "services"}
    for absent in ("/openstack/2011-01-01", "/openstack/2013-04-04/network_data.json", "/openstack/latest/x"):
        assert ask(absent).status == 404, absent


def test_ec2_tree(ask):
    assert lines(ask("/"))[-1] == "latest"
    assert lines(ask("/latest")) == ["meta-data/", "user-data"]
    assert {"instance-id", "placement/", "public-keys/", "local-ipv4"} <= set(
        lines(ask("/latest/meta-data/"))
    )
    assert ask("/2009-04-04/meta-data/hostname").body == b"web.novalocal"
    assert ask("/latest/meta-data/placement/availability-zone").body == b"nova"
    assert ask("/latest//meta-data/public-keys/").body == b"0=mine"
    assert lines(ask("/latest/meta-data/public-keys/0/")) == ["openssh-key"]
    assert ask("/latest/meta-data/public-keys/0/openssh-key").body == KEY.encode()
    assert ask("/latest/user-data").body.startswith(b"#!/bin/sh")
    for absent in (
        "/1999-01-01",
        "/latest/dynamic",
        "/latest/meta-data/x",
        "/latest/meta-data/public-keys/_name",
    ):
        assert ask(absent).status == 404, absent


def test_who_is_believed(cloud, ask, server):
    assert ask("/openstack", headers={"X-Instance-ID-Signature": "0" * 64}).status == 403
    assert ask("/openstack", headers={"X-Instance-ID-Signature": None}).status == 403
    assert ask("/openstack", headers={"X-Instance-ID-Signature": "\xe4"}).status == 403
    assert ask("/openstack", headers={"X-Instance-ID": None}).status == 400
    assert ask("/openstack", headers={"X-Tenant-ID": None}).status == 400
    assert ask("/openstack", headers={"X-Instance-ID": f"{server},other"}).status == 400
    assert ask("/openstack", headers=headers_for(server, "p2")).status == 404
    assert ask("/openstack", headers=headers_for("00000000-0000-0000-0000-000000000000")).status == 404


def test_a_deleted_server_is_told_nothing(ask, member, server):
    member.delete(f"/servers/{server}")
    member.await_gone(server)
    assert ask("/openstack").status == 404


def test_a_guest_leaves_its_password_once(ask, member, stranger, server):
    path = "/openstack/2013-04-04/password"
    assert ask(path).body == b""
    assert ask(path, "POST", raw=b"x" * 2000).status == 400
    assert ask(path, "POST", raw=b"\xff\xfe").status == 400
    assert ask(path, "POST", raw=b"ZW5jcnlwdGVk").status == 200
    assert ask(path, "POST", raw=b"b3RoZXI=").status == 409
    assert ask("/openstack/latest/password").body == b"ZW5jcnlwdGVk"
    owners = f"/servers/{server}/os-server-password"
    assert member.get(owners).json == {"password": "ZW5jcnlwdGVk"}
    assert stranger.get(owners).status == 404
    assert member.delete(owners).status == 204
    assert member.get(owners).json == {"password": ""}
    assert ask(path, "POST", raw=b"b3RoZXI=").status == 200
    assert ask("/openstack/2012-08-10/password").status == 404
    assert ask("/openstack/latest/meta_data.json", "POST", raw=b"x").status == 404
    assert ask(path, "POST", raw=b"x" * 20000).status == 413


@pytest.mark.parametrize("config", [{}], indirect=True)
def test_without_a_secret_nobody_is_believed(cloud):
    headers = headers_for("7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2", secret="")
    assert cloud.anonymous.get("metadata", "/openstack", headers=headers).status == 503


def test_a_server_without_user_data(cloud, ask, member):
    plain = member.create(name="plain")
    assert ask("/openstack/latest/user_data", headers=headers_for(plain)).status == 404
    assert "user_data" not in lines(ask("/openstack/latest", headers=headers_for(plain)))
    assert lines(ask("/latest", headers=headers_for(plain))) == ["meta-data/"]
