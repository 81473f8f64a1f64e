"""A cloud behind TLS: clients, services, hosts and the broker know it by an authority of the operator's own."""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import urllib3
from websockets.sync.client import connect

from cluster.conftest import MakeLab
from nacre.cloud.lab.lab import Lab
from nacre.cloud.lab.programs import NACRE
from real_clients import OpenStack, client_environment

PATIENCE = 120.0  # seconds after which a test gives up; never an expectation
SPLIT = (("identity", "placement"), ("image", "network", "compute"))
GREETING = b"RFB 003.008\n"


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    """Two control nodes and a host."""
    return make_lab(hosts=("host-1",), split=SPLIT, tls=True, short=True)


@pytest.fixture(scope="module")
def openstack(lab: Lab) -> OpenStack:
    return OpenStack(client_environment() / "openstack", lab.bed.state_of("control-1").root, "nacre")


@pytest.fixture(scope="module")
def trusted(lab: Lab) -> dict[str, str]:
    """The environment of a machine that knows the authority."""
    return {**os.environ, "SSL_CERT_FILE": str(lab.bed.ca)}


@pytest.fixture(scope="module")
def server(openstack: OpenStack) -> Any:
    """A server that was built at the word of the client, with an image that its host fetched."""
    arguments = ("--image", "tiny", "--flavor", "m1.nano", "--network", "private", "--wait", "web")
    return openstack("server", "create", *arguments)


def test_the_catalog_has_https_only(openstack: OpenStack) -> None:
    endpoints = [each for entry in openstack("catalog", "list") for each in entry["Endpoints"]]
    assert len(endpoints) >= 15
    assert {urlsplit(each["url"]).scheme for each in endpoints} == {"https"}


def test_clients_are_told_of_the_authority_by_the_shell_too(lab: Lab, openstack: OpenStack) -> None:
    openrc = (lab.bed.state_of("control-1").root / "openrc").read_text()
    variables = dict(word.split("=", 1) for word in shlex.split(openrc) if "=" in word)
    assert variables["OS_CACERT"] == lab.bed.ca
    command = [str(openstack.binary), "network", "list", "-f", "value", "-c", "Name"]
    home = {"PATH": os.environ["PATH"], "HOME": str(lab.bed.where)}
    done = subprocess.run(command, env=home | variables, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split()) == ["private", "public"], done.stderr
    del variables["OS_CACERT"]
    done = subprocess.run(command, env=home | variables, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_links_are_https(lab: Lab, server: Any) -> None:
    shown = lab.bed.admin().get("compute", f"/servers/{server['id']}")["server"]
    assert all(link["href"].startswith(f"https://{lab.bed.front}:") for link in shown["links"])


def test_a_server_is_built(openstack: OpenStack, server: Any) -> None:
    assert openstack.value("server", "show", server["id"], column="status") == "ACTIVE"


def test_a_screen_is_seen(lab: Lab, openstack: OpenStack, server: Any) -> None:
    url = openstack("console", "url", "show", "--novnc", server["id"])["url"]
    assert urlsplit(url).scheme == "https"
    (path,) = parse_qs(urlsplit(url).query)["path"]
    context = ssl.create_default_context(cafile=lab.bed.ca)
    address = urljoin(url, path).replace("https", "wss", 1)
    with connect(address, ssl=context, subprotocols=["binary"]) as connection:
        assert connection.recv(timeout=PATIENCE) == GREETING


def test_without_tls_nobody_is_answered(lab: Lab) -> None:
    plain = lab.bed.auth_url.replace("https", "http", 1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", plain, retries=False)


def test_everybody_speaks_tls_with_the_broker(lab: Lab) -> None:
    options = lab.infrastructure.broker.management()
    assert lab.infrastructure.broker.url.startswith("amqps://")
    account = f"{options['management_user']}:{options['management_password']}"
    pool = urllib3.PoolManager(ca_certs=lab.bed.ca, headers=urllib3.make_headers(basic_auth=account))
    admin = lab.bed.admin()
    wanted = {"nacre", "lab.host.host-1"}

    def users() -> set[str]:
        connections = pool.request("GET", f"{options['management_url']}/api/connections").json()
        assert all(each["ssl"] for each in connections if "ssl" in each)
        return {each["user"] for each in connections if each.get("ssl")}

    admin.wait(users, lambda seen: seen == wanted, seconds=PATIENCE)


def test_the_check_knows_the_authority_from_the_configuration(lab: Lab) -> None:
    command = [*NACRE, "deploy", "check", "--config", str(lab.bed.config)]
    command += ["--state", str(lab.bed.state_of("control-1").root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "WRONG" in done.stdout) == (0, False), done.stdout + done.stderr


def test_a_host_joins_without_being_told_to_trust_everybody(
    lab: Lab, trusted: dict[str, str], tmp_path: Path
) -> None:
    control = ["--state", str(lab.bed.state_of("control-1").root), "--config", str(lab.bed.config)]

    def nacre(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*NACRE, *arguments], env=env, capture_output=True, text=True, check=False)

    token = nacre("agent", "token", "--host", "host-2", *control, env=dict(os.environ)).stdout.split()[-1]
    stranger = nacre("agent", "join", token, "--state", str(tmp_path / "state"), env=dict(os.environ))
    assert stranger.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.stderr
    joined = nacre("agent", "join", token, "--state", str(tmp_path / "state"), env=trusted)
    assert joined.returncode == 0, joined.stderr
    given = (tmp_path / "state" / "keys" / "broker-ca.pem").read_text()
    assert given == Path(str(lab.bed.ca)).read_text()
    assert nacre("agent", "remove", "host-2", *control, env=dict(os.environ)).returncode == 0
