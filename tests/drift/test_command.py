"""`nacre doctor` against a cloud in a process of its own."""

import json
import sqlite3
import subprocess
import sys

import pytest

from nacre.cloud import first_start
from nacre.cloud.client import CloudClient
from nacre.cloud.state import StateDirectory
from real_clients import RunningCloud, free_port, nacre


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state = tmp_path_factory.mktemp("doctor") / "state"
    try:
        nacre("up", "--simulated", "--detach", "--state", state, "--ports", f"single:{free_port()}")
        yield RunningCloud(state)
    finally:
        nacre("down", "--purge", "--state", state)


@pytest.fixture(scope="module")
def demo(cloud):
    state = StateDirectory(cloud.state)
    client = CloudClient(state.running().auth_url, "demo", state.secrets().demo_password, "demo")
    client.log_in()
    return client


def doctor(cloud, *arguments, env=None):
    """Run `nacre doctor`; return its exit code and what it printed."""
    command = [sys.executable, "-P", "-m", "nacre", "doctor", "--state", cloud.state, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


def make_server(demo):
    flavors = demo.get("compute", "/flavors/detail")["flavors"]
    flavor = min(flavors, key=lambda each: each["ram"])["id"]
    image = demo.get("image", "/v2/images", name=first_start.IMAGE)["images"][0]["id"]
    body = {"name": "patient", "imageRef": image, "flavorRef": flavor, "networks": "none"}
    made = demo.post("compute", "/servers", {"server": body}, version="2.37")["server"]
    demo.wait(
        lambda: demo.get("compute", f"/servers/{made['id']}")["server"]["status"],
        lambda status: status == "ACTIVE",
    )
    return made["id"]


def test_the_doctor_finds_heals_and_is_told_to_heal(cloud, demo):
    server_id = make_server(demo)
    assert doctor(cloud) == (0, "Nothing has drifted.\n")
    database = sqlite3.connect(cloud.state / "db" / "compute.sqlite", timeout=30)
    with database:
        database.execute("DELETE FROM servers WHERE id = ?", (server_id,))
    database.close()
    code, said = doctor(cloud)
    assert code == 1
    assert f"$ nacre doctor --heal server_unknown {server_id}" in said
    code, said = doctor(cloud, "--last", "--json")
    assert code == 1
    left = {each["kind"]: each for each in json.loads(said)["findings"] if each["state"] == "left"}
    assert left.keys() == {"server_unknown", "allocation_orphaned"}
    assert left["server_unknown"]["resource_id"] == server_id
    assert doctor(cloud, "--heal", "server_unknown", server_id)[0] == 0
    demo.wait(lambda: doctor(cloud), lambda told: told[0] == 0)
    code, said = doctor(cloud, "--heal", "server_unknown", server_id)
    assert code == 1
    assert "Look first: nacre doctor" in said


def test_a_cloud_elsewhere_is_named_by_the_environment(cloud, tmp_path):
    state = StateDirectory(cloud.state)
    env = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path),
        "OS_AUTH_URL": state.running().auth_url, "OS_USERNAME": "admin", "OS_PROJECT_NAME": "admin",
        "OS_PASSWORD": state.secrets().admin_password,
    }  # fmt: skip
    code, said = doctor(cloud, "--state", tmp_path / "none", "--last", "--json", env=env)
    assert code == 0, said
    assert json.loads(said)["missed"] == {}
    code, said = doctor(cloud, "--state", tmp_path / "none", env={**env, "OS_PASSWORD": ""})
    assert code == 1
    assert "OS_PASSWORD" in said
