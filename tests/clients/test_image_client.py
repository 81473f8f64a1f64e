"""`openstack image`: properties, and half a gigabyte up and down in constant memory."""

import hashlib

MEBIBYTE = 1 << 20
SIZE_MB = 500
GROWTH_KB = 50 * 1024


def test_half_a_gigabyte_up_and_down(openstack, simulated_cloud, tmp_path):
    source, back = tmp_path / "big.raw", tmp_path / "back.raw"
    digest, md5 = hashlib.sha512(), hashlib.md5()
    with source.open("wb") as file:
        for number in range(SIZE_MB):
            block = number.to_bytes(8, "big") * (MEBIBYTE // 8)
            file.write(block)
            digest.update(block)
            md5.update(block)
    openstack("token", "issue")  # whatever a first request allocates is there
    before = simulated_cloud.resident_kb()
    image = openstack("image", "create", "--disk-format", "raw", "--file", source, "big")
    shown = openstack("image", "show", image["id"])
    assert shown["status"] == "active"
    assert shown["size"] == SIZE_MB * MEBIBYTE
    assert shown["checksum"] == md5.hexdigest()
    assert shown["properties"]["os_hash_value"] == digest.hexdigest()
    openstack.run("image", "save", "--file", back, image["id"])
    assert back.stat().st_size == source.stat().st_size
    with back.open("rb") as file:
        assert hashlib.file_digest(file, "sha512").digest() == digest.digest()
    assert simulated_cloud.resident_kb("VmHWM") - before < GROWTH_KB
    openstack.run("image", "delete", image["id"])
    assert "No Image found" in openstack.refused("image", "show", image["id"])


def test_a_claimed_format_that_is_not_the_content_is_refused(openstack, tmp_path):
    file = tmp_path / "not.qcow2"
    file.write_bytes(bytes(MEBIBYTE))
    refused = openstack.refused("image", "create", "--disk-format", "qcow2", "--file", file, "liar")
    assert "400" in refused or "415" in refused
    assert openstack("image", "list", "--name", "liar", "--status", "active") == []


def test_properties_tags_and_members(openstack, openstack_admin, tmp_path):
    file = tmp_path / "small.raw"
    file.write_bytes(bytes(MEBIBYTE))
    openstack.run(
        *("image", "create", "--disk-format", "raw", "--file", file, "--property", "os_distro=tiny"),
        *("--tag", "small", "shared one"),
    )
    shown = openstack("image", "show", "shared one")
    assert shown["properties"]["os_distro"] == "tiny"
    assert shown["tags"] == ["small"]
    openstack.run("image", "set", "--shared", "shared one")
    # A member cannot look up another project by its name, so the id is given.
    openstack.run("image", "add", "project", "shared one", openstack_admin("token", "issue")["project_id"])
    members = openstack("image", "member", "list", "shared one")
    assert [member["Status"] for member in members] == ["pending"]
    openstack_admin.run("image", "set", "--accept", shown["id"])
    assert openstack("image", "member", "list", "shared one")[0]["Status"] == "accepted"
    openstack.run("image", "delete", "shared one")
