"""Operators' policy files: found in the state directory or where [policy] says, and never half used."""

from pathlib import Path

import pytest

from nacre.cloud import policies
from nacre.cloud.state import StateDirectory
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.kernel.policy import Policy
from nacre.services import manifests


def overrides(root: Path, directory: Path | None = None):
    section = {"policy": {"directory": str(directory)}} if directory else {}
    return policies.overrides(StateDirectory(root), ConfigFile(section))


def test_a_cloud_without_files_has_the_defaults(tmp_path: Path) -> None:
    assert overrides(tmp_path)("compute") == {}


def test_a_file_of_the_state_directory_overrides_a_rule_of_its_service_only(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "compute.yaml").write_text('"os_compute_api:servers:create": "role:booter"\n')
    of_service = overrides(tmp_path)
    assert of_service("network") == {}
    [compute] = manifests(["compute"])
    policy = Policy(compute.policies, of_service("compute"))
    who = {"roles": ["member"], "project_id": "p"}
    assert not policy.check("os_compute_api:servers:create", who, {"project_id": "p"})
    assert policy.check("os_compute_api:servers:create", {**who, "roles": ["booter"]}, {"project_id": "p"})


def test_a_directory_can_be_named_and_a_folder_adds_to_a_file(tmp_path: Path) -> None:
    own = tmp_path / "etc"
    (own / "image").mkdir(parents=True)
    (own / "image.json").write_text('{"add_image": "!", "get_task": "!"}')
    (own / "image" / "10-tasks.yaml").write_text('get_task: "@"\n')
    assert overrides(tmp_path / "state", own)("image") == {"add_image": "!", "get_task": "@"}


def test_a_named_directory_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no directory"):
        overrides(tmp_path, tmp_path / "absent")


@pytest.mark.parametrize("name", ["nova.yaml", "computer.json"])
def test_a_file_of_no_service_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / name).write_text("{}")
    with pytest.raises(ConfigError, match=name):
        overrides(tmp_path)


def test_what_is_not_a_mapping_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "compute.yaml").write_text("- admin\n")
    with pytest.raises(ConfigError, match="compute.yaml"):
        overrides(tmp_path)("compute")
