"""Servers: made, shown, listed, changed, deleted."""


def test_a_server_is_made_and_deleted(stocked, member, admin):
    answer = member.try_to_create(metadata={"a": "b"})
    assert answer.status == 202, answer
    made = answer.json["server"]
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert answer.headers["location"].endswith(f"/v2.1/servers/{made['id']}")
    server = member.await_status(made["id"], "ACTIVE")
    assert server["metadata"] == {"a": "b"}
    assert server["image"]["id"] == stocked.image_id
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["OS-SRV-USG:launched_at"]
    assert admin.show(made["id"])["OS-EXT-SRV-ATTR:host"] == "host-1"
    assert "OS-EXT-SRV-ATTR:host" not in server
    assert member.delete(f"/servers/{made['id']}").status == 204
    member.await_gone(made["id"])
    assert stocked.drivers["host-1"].inspect() == {}
