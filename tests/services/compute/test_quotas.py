"""Quotas and limits: set, shown, and held against what projects want."""

import pytest

SETS, CLASSES = "/os-quota-sets", "/os-quota-class-sets"
ALWAYS = {"instances", "cores", "ram", "metadata_items", "key_pairs", "server_groups", "server_group_members"}
FILES = {"injected_files", "injected_file_content_bytes", "injected_file_path_bytes"}
NETWORK = {"fixed_ips", "floating_ips", "security_groups", "security_group_rules"}


def set_quota(admin, project="p1", query="", version=None, **limits):
    return admin.put(f"{SETS}/{project}{query}", {"quota_set": limits}, version=version)


def quota(user, project="p1", query="", version=None):
    answer = user.get(f"{SETS}/{project}{query}", version=version)
    assert answer.status == 200, answer
    return answer.json["quota_set"]


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("2.1", ALWAYS | FILES | NETWORK),
        ("2.36", ALWAYS | FILES),
        ("2.57", ALWAYS),
    ],
)
def test_shapes_by_microversion(admin, member, version, names):
    shown = quota(member, version=version)
    assert set(shown) == names | {"id"}
    assert shown["id"] == "p1"
    assert quota(member, query="/defaults", version=version) == shown
    detail = quota(member, query="/detail", version=version)
    assert detail["cores"] == {"limit": 20, "in_use": 0, "reserved": 0}
    assert set(set_quota(admin, version=version, cores=5).json["quota_set"]) == names


def test_set_and_return_to_the_defaults(admin, member):
    assert set_quota(admin, ram="5120", cores=-1).json["quota_set"]["ram"] == 5120
    assert (quota(member)["ram"], quota(member)["cores"], quota(member)["instances"]) == (5120, -1, 10)
    assert quota(member, query="/defaults")["ram"] == 51200
    gone = admin.delete(f"{SETS}/p1")
    assert (gone.status, gone.body) == (202, b"")
    assert quota(member)["ram"] == 51200


@pytest.mark.parametrize(
    "limits", [{"ram": -2}, {"ram": "much"}, {"ram": 2**31}, {"colours": 1}, {"ram": 1.5}, {"id": "p1"}]
)
def test_limits_that_are_none(admin, limits):
    assert set_quota(admin, **limits).status == 400
    assert set_quota(admin, version="2.36", floating_ips=1).status == 400


def test_who_may(admin, member, stranger):
    assert set_quota(member, ram=1).status == 403
    assert member.delete(f"{SETS}/p1").status == 403
    assert stranger.get(f"{SETS}/p1").status == 403
    assert stranger.get(f"{SETS}/p1/detail").status == 403
    assert stranger.get(f"{SETS}/p1/defaults").status == 200
    assert member.get(f"{CLASSES}/default").status == 403


def test_no_limit_below_what_is_used_unless_forced(stocked, admin, member):
    member.create()
    refused = set_quota(admin, instances=0)
    assert (refused.status, "already used and reserved 1" in refused.json["badRequest"]["message"]) == (
        400,
        True,
    )
    assert set_quota(admin, instances=0, force=True).status == 200
    detail = quota(member, query="/detail")
    assert detail["instances"] == {"limit": 0, "in_use": 1, "reserved": 0}
    refused = member.try_to_create()
    assert (refused.status, "Quota exceeded for instances" in refused.json["forbidden"]["message"]) == (
        403,
        True,
    )


def test_a_users_own_limits(stocked, admin, member):
    set_quota(admin, query="?user_id=u1", instances=1)
    assert quota(admin, query="?user_id=u1")["instances"] == 1
    assert quota(admin)["instances"] == 10
    member.create()
    assert member.try_to_create().status == 403
    assert quota(admin, query="/detail?user_id=u1")["instances"]["in_use"] == 1
    assert set_quota(admin, query="?user_id=u1", instances=11).status == 400
    assert set_quota(admin, query="?user_id=u1", instances=-1).status == 400
    admin.delete(f"{SETS}/p1?user_id=u1")
    assert quota(admin, query="?user_id=u1")["instances"] == 10
    assert member.try_to_create().status == 202


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("2.1", ALWAYS - {"server_groups", "server_group_members"} | FILES | NETWORK),
        ("2.50", ALWAYS | FILES),
        ("2.57", ALWAYS),
    ],
)
def test_the_defaults_of_everybody(admin, member, version, names):
    shown = admin.get(f"{CLASSES}/default", version=version).json["quota_class_set"]
    assert set(shown) == names | {"id"}
    del shown["id"]
    more = {name: limit + 100 for name, limit in shown.items()}
    changed = admin.put(f"{CLASSES}/default", {"quota_class_set": more}, version=version)
    assert changed.json["quota_class_set"] == more
    assert {name: quota(member)[name] for name in more} == more
    assert admin.put(f"{CLASSES}/gold", {"quota_class_set": {"ram": 1}}).status == 400


def test_absolute_limits(stocked, admin, member, stranger):
    member.create()
    oldest = member.get("/limits").json["limits"]
    assert oldest["rate"] == []
    shown = oldest["absolute"]
    assert (shown["maxTotalInstances"], shown["totalInstancesUsed"], shown["totalRAMUsed"]) == (10, 1, 512)
    assert (shown["maxTotalFloatingIps"], shown["totalSecurityGroupsUsed"]) == (-1, 0)
    newest = member.get("/limits", version="2.57").json["limits"]["absolute"]
    assert set(shown) - set(newest) == {
        "maxImageMeta", "maxPersonality", "maxPersonalitySize", "maxTotalFloatingIps", "maxSecurityGroups",
        "maxSecurityGroupRules", "totalFloatingIpsUsed", "totalSecurityGroupsUsed",
    }  # fmt: skip
    assert "maxImageMeta" in member.get("/limits", version="2.38").json["limits"]["absolute"]
    others = admin.get("/limits?tenant_id=p1").json["limits"]["absolute"]
    assert others["totalInstancesUsed"] == 1
    assert stranger.get("/limits?tenant_id=p1").status == 403
    assert member.get("/limits?colour=red", version="2.75").status == 400


def test_key_pairs_follow_the_quota(admin, member):
    set_quota(admin, key_pairs=0, force=True)
    refused = member.post("/os-keypairs", {"keypair": {"name": "k"}})
    assert refused.status == 403


@pytest.mark.parametrize("path", ["", "/detail", "/defaults"])
def test_a_project_that_identity_does_not_know_has_no_quotas(admin, stranger, path):
    answer = admin.get(f"{SETS}/nobodys{path}")
    assert answer.status == 400
    assert answer.json["badRequest"]["message"] == "Project ID nobodys is not a valid project."
    if path == "/defaults":  # who may not ask identity is believed
        assert stranger.get(f"{SETS}/nobodys{path}").status == 200


def test_quotas_of_an_unknown_project_are_not_set_but_may_be_cleared(admin):
    refused = set_quota(admin, project="nobodys", ram=1)
    assert refused.status == 400
    assert refused.json["badRequest"]["message"] == "Project ID nobodys is not a valid project."
    assert admin.delete(f"{SETS}/nobodys").status == 202
