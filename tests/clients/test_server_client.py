"""`openstack server` and what belongs to it, against a simulated cloud."""

import pytest


@pytest.fixture(scope="module")
def server(openstack):
    made = openstack(
        *("server", "create", "--image", "tiny", "--flavor", "m1.nano", "--network", "private"),
        *("--key-name", "demo", "--security-group", "ssh", "--property", "role=web", "--wait", "web"),
    )
    yield made
    openstack.run("server", "delete", "--wait", "web")
    assert openstack("server", "list") == []
    assert openstack("port", "list", "--device-owner", "compute:nova") == []


def test_create_and_show(openstack, server):
    assert server["status"] == "ACTIVE"
    shown = openstack("server", "show", "web")
    assert shown["properties"] == {"role": "web"}
    assert shown["key_name"] == "demo"
    assert list(shown["addresses"]) == ["private"]
    listed = openstack("server", "list", "--long")
    assert [(one["Name"], one["Status"], one["Image Name"]) for one in listed] == [("web", "ACTIVE", "tiny")]
    assert "Booting" in openstack.run("console", "log", "show", "web").stdout


def test_power(openstack, server):
    def status():
        return openstack.value("server", "show", "web", column="status")

    for command, reached in (
        ("stop", "SHUTOFF"), ("start", "ACTIVE"), ("pause", "PAUSED"), ("unpause", "ACTIVE"),
        ("suspend", "SUSPENDED"), ("resume", "ACTIVE"),
    ):  # fmt: skip
        openstack.run("server", command, "web")
        for _ in range(20):
            if status() == reached:
                break
        assert status() == reached, command
    openstack.run("server", "reboot", "--hard", "--wait", "web")
    refused = openstack.refused("server", "unpause", "web")
    assert "409" in refused
    assert "vm_state active" in refused


def test_lock_and_actions(openstack, server):
    openstack.run("server", "lock", "--reason", "maintenance", "web")
    openstack.run("server", "unlock", "web")
    actions = [event["Action"] for event in openstack("server", "event", "list", "web")]
    assert "create" in actions
    assert "lock" in actions


def test_addresses(openstack, server):
    floating = openstack("floating", "ip", "create", "public")["floating_ip_address"]
    openstack.run("server", "add", "floating", "ip", "web", floating)
    assert floating in openstack("server", "show", "web")["addresses"]["private"]
    openstack.run("server", "remove", "floating", "ip", "web", floating)
    openstack.run("floating", "ip", "delete", floating)
    openstack.run("network", "create", "second")
    openstack.run("subnet", "create", "--network", "second", "--subnet-range", "10.50.0.0/24", "second")
    openstack.run("server", "add", "network", "web", "second")
    assert set(openstack("server", "show", "web")["addresses"]) == {"private", "second"}
    openstack.run("server", "remove", "network", "web", "second")
    openstack.run("network", "delete", "second")


def test_no_valid_host_says_why(openstack, openstack_admin):
    openstack_admin.run("flavor", "create", "--ram", "99999999", "--vcpus", "1", "--disk", "1", "giant")
    failed = openstack.refused(
        *(
            "server",
            "create",
            "--image",
            "tiny",
            "--flavor",
            "giant",
            "--network",
            "private",
            "--wait",
            "big",
        ),
    )
    assert "quota" in failed.lower() or "No valid host" in failed
    openstack_admin.run("quota", "set", "--ram", "-1", "demo")
    openstack.refused(
        *(
            "server",
            "create",
            "--image",
            "tiny",
            "--flavor",
            "giant",
            "--network",
            "private",
            "--wait",
            "big",
        ),
    )
    fault = openstack("server", "show", "big")["fault"]
    assert "No valid host was found" in fault["message"]
    openstack.run("server", "delete", "--wait", "big")
    openstack_admin.run("flavor", "delete", "giant")


def test_groups_quotas_and_operators(openstack, openstack_admin):
    openstack.run("server", "group", "create", "--policy", "anti-affinity", "apart")
    assert [group["Name"] for group in openstack("server", "group", "list")] == ["apart"]
    openstack.run("server", "group", "delete", "apart")
    limits = {entry["Name"]: entry["Value"] for entry in openstack("limits", "show", "--absolute")}
    assert limits["max_total_instances"] > 0
    services = {service["Binary"] for service in openstack_admin("compute", "service", "list")}
    assert "nova-compute" in services
    hypervisors = openstack_admin("hypervisor", "list")
    assert [one["State"] for one in hypervisors] == ["up"]
    zones = openstack("availability", "zone", "list", "--compute")
    assert [zone["Zone Name"] for zone in zones] == ["nova"]
    providers = openstack_admin("resource", "provider", "list")
    assert [one["uuid"] for one in providers] == [one["ID"] for one in hypervisors]
