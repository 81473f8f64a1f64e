"""What `nacre deploy` writes: keys, HAProxy's configuration, credentials; and that the example is what it makes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nacre.cloud.toml import as_toml
from nacre.services import NAMES

DEPLOY = Path(__file__).parents[2] / "deploy"
NACRE = (sys.executable, "-P", "-m", "nacre")
SECTIONS = {
    "cloud": {"name": "c", "mode": "real", "external_cidr": "203.0.113.0/24", "listen": "10.0.0.11"},
    "process": {"public_host": "10.0.0.10"},
    "bus": {"url": "amqp://10.0.0.11/"},
    "deploy": {"control": ["10.0.0.11", "10.0.0.12"]},
}


def nacre(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NACRE, *arguments], capture_output=True, text=True, check=False)


def write(where: Path, **changes: dict[str, object]) -> Path:
    """Write a configuration with changed sections."""
    path = where / "nacre.toml"
    path.write_text(as_toml({name: {**values, **changes.get(name, {})} for name, values in SECTIONS.items()}))
    return path


def haproxy(where: Path, **changes: dict[str, object]) -> subprocess.CompletedProcess[str]:
    return nacre("deploy", "haproxy", "--config", write(where, **changes), "--state", where / "state")


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "cloud.key"
    made = nacre("deploy", "key", path)
    assert made.returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() not in made.stdout
    before = path.read_bytes()
    again = nacre("deploy", "key", path)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert path.read_bytes() == before


def test_the_proxy_has_every_api_of_every_node(tmp_path: Path) -> None:
    text = haproxy(tmp_path).stdout
    for backend in (*NAMES, "metadata", "console"):
        section = re.search(rf"^backend {backend}$(.*?)(^frontend|\Z)", text, re.MULTILINE | re.DOTALL)
        assert section is not None, backend
        assert (
            len(re.findall(r"^    server control-[12] 10\.0\.0\.1[12]:\d+$", section[1], re.MULTILINE)) == 2
        )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cloud": {"ports": "single:8080"}},
        {"process": {"public_host": "2001:db8::10"}, "deploy": {"control": ["2001:db8::11", "2001:db8::12"]}},
    ],
    ids=["usual", "one port", "IPv6"],
)
def test_haproxy_understands_it(tmp_path: Path, changes: dict[str, dict[str, object]]) -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("no HAProxy is installed (Debian's package haproxy)")
    path = tmp_path / "haproxy.cfg"
    path.write_text(haproxy(tmp_path, **changes).stdout)
    done = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_with_a_certificate_clients_speak_tls(tmp_path: Path) -> None:
    changes = {"process": {"public_scheme": "https"}, "deploy": {"certificate": "/etc/haproxy/cloud.pem"}}
    text = haproxy(tmp_path, **changes).stdout
    assert "bind 10.0.0.10:5000 ssl crt /etc/haproxy/cloud.pem" in text
    assert "X-Forwarded-Proto https" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"deploy": {"control": []}}, "name the addresses of the control nodes"),
        ({"deploy": {"control": ["node-1"]}}, "'node-1' is not an IP address"),
        ({"deploy": {"certificate": "/x.pem"}}, "public_scheme"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, changes: dict[str, dict[str, object]], sentence: str
) -> None:
    done = haproxy(tmp_path, **changes)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_the_administrator_gets_credentials(tmp_path: Path) -> None:
    nacre("deploy", "key", tmp_path / "cloud.key")
    config = write(tmp_path, cloud={"key_file": str(tmp_path / "cloud.key")})
    for state in ("one", "two"):
        done = nacre("deploy", "credentials", "--config", config, "--state", tmp_path / state)
        assert done.returncode == 0, done.stderr
    one, two = (yaml.safe_load((tmp_path / name / "clouds.yaml").read_text()) for name in ("one", "two"))
    assert one == two  # whichever control node one asks
    assert one["clouds"]["nacre-admin"]["auth"]["auth_url"] == "http://10.0.0.10:5000/v3"


def test_the_example_is_what_the_command_makes(tmp_path: Path) -> None:
    made = nacre("deploy", "haproxy", "--config", DEPLOY / "three-nodes/nacre.toml", "--state", tmp_path)
    assert made.stdout == (DEPLOY / "three-nodes/haproxy.cfg").read_text()


def test_the_units_say_commands_that_there_are() -> None:
    for unit in (DEPLOY / "systemd").glob("*.service"):
        (command,) = re.findall(
            r"^ExecStart=/opt/nacre/\.venv/bin/nacre (\w+) %i (.*)$", unit.read_text(), re.MULTILINE
        )
        kinds = {"serve": ("identity",), "agent": ("compute", "network")}[command[0]]
        for kind in kinds:
            arguments = [command[0], kind] if command[0] == "agent" else [command[0]]
            shown = nacre(*arguments, "--help").stdout
            for option in re.findall(r"--\w+", command[1]):
                assert option in shown, (unit, option)
