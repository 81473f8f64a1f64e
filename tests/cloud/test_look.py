"""`nacre look` tells the story of a server from what the databases hold, also when nothing runs."""

import json
from pathlib import Path

import pytest
from tests.cloud.places import Place


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "cloud")
    yield place
    if place.state.running():
        place.run("down")


def test_the_story_of_a_server_is_told_of_a_cloud_that_is_down(place):
    place.up()
    client = place.client()
    image = client.get("image", "/v2/images")["images"][0]["id"]
    flavor = client.get("compute", "/flavors")["flavors"][0]["id"]
    body = {"name": "told", "flavorRef": flavor, "imageRef": image, "networks": "none"}
    server_id = client.post("compute", "/servers", {"server": body}, version="2.90")["server"]["id"]
    client.wait(
        lambda: client.get("compute", f"/servers/{server_id}")["server"]["status"],
        lambda status: status == "ACTIVE",
        seconds=120,
    )
    place.run("down")
    story = place.run("look", "server", server_id)
    assert f"server {server_id}  told" in story
    assert "create by demo in demo   req-" in story
    assert "schedule → " in story
    assert "\033" not in story
    data = json.loads(place.run("look", "server", server_id, "--json"))
    assert (data["server_id"], data["entries"][0]["what"]) == (server_id, "create")
    assert "No server" in place.run("look", "server", "7d1f5b6e-3a53-4c8e-a5cf-77a3cba1c0e2", code=1)
    assert "server_build" in place.run("look")
    assert json.loads(place.run("look", "--json"))
