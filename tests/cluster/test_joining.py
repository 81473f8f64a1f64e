"""A machine joins the cloud with a one-time token; what it gets serves itself and opens nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiormq
import pytest
import urllib3
from aiormq.exceptions import AMQPError, ChannelAccessRefused
from pamqp.commands import Basic

from cluster.conftest import MakeLab
from nacre.cloud import joining
from nacre.cloud.lab.bed import KINDS, Bed
from nacre.cloud.lab.infrastructure import REALM
from nacre.cloud.lab.lab import Lab
from nacre.cloud.lab.programs import NACRE, Program
from nacre.cloud.state import StateDirectory
from nacre.kernel import errors
from nacre.kernel.bus import BusOptions
from nacre.kernel.bus.amqp_names import Names
from nacre.kernel.bus.broker_accounts import BrokerAccounts
from nacre.kernel.bus.envelope import encode_request
from nacre.kernel.config import ConfigFile
from nacre.services.network import rpc
from nacre.services.network.agent.metadata import signature

PATIENCE = 120.0  # seconds after which a test gives up; never an expectation
ONE, TWO = "h.1", "h.2"


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    """One control node, and no host yet."""
    split = (("identity", "placement", "image", "network", "compute"),)
    return make_lab(engine="mariadb", control=1, hosts=(), split=split)


@pytest.fixture(scope="module")
def bed(lab: Lab) -> Bed:
    return lab.bed


def nacre(*arguments: str, state: Path, config: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Say a command."""
    command = [*NACRE, *arguments, "--state", str(state), *(["--config", str(config)] if config else [])]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def join(token: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Have a machine join over the lab's own wires."""
    return nacre("agent", "join", "--insecure", token, state=state)


def make_token(bed: Bed, host: str) -> str:
    """Make a token as the administrator does."""
    done = nacre("agent", "token", "--host", host, state=bed.where / "control-1", config=bed.config)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.fixture(scope="module")
def joined(bed: Bed) -> Iterator[dict[str, StateDirectory]]:
    """Two machines that joined, and whose agents run."""
    states: dict[str, StateDirectory] = {}
    programs: list[Program] = []
    for host in (ONE, TWO):
        states[host] = StateDirectory(bed.where / f"machine-{host}")
        done = join(make_token(bed, host), states[host].root)
        assert done.returncode == 0, done.stderr
        for kind in KINDS:
            command = [*NACRE, "agent", kind, "--state", str(states[host].root)]
            log = bed.where / "log" / f"{host}-{kind}.log"
            command = bed.ground.machine(host).command(command)
            programs.append(Program(host, command, log, ready=f"the {kind} agent of {host} runs"))
            programs[-1].begin()
    for program in programs:
        program.wait_until_ready()
    yield states
    for program in programs:
        program.stop()


@pytest.fixture(scope="module")
def hosts(bed: Bed, joined: dict[str, StateDirectory]) -> dict[str, StateDirectory]:
    """The same, once the cloud can use them."""
    bed.hosts = (ONE, TWO)
    bed.wait_for_hosts()
    return joined


def options_of(state: StateDirectory) -> BusOptions:
    return ConfigFile.read(state.config).section("bus", BusOptions)


def make_server(bed: Bed, host: str) -> dict[str, Any]:
    """Build a server on a host."""
    admin = bed.admin()
    body = {
        "name": f"on-{host}",
        "flavorRef": admin.find("compute", "/flavors", "flavors", "m1.nano")["id"],
        "imageRef": admin.get("image", "/v2/images")["images"][0]["id"],
        "networks": "none",
        "availability_zone": f"nova:{host}",
    }
    server = admin.post("compute", "/servers", {"server": body}, version="2.37")["server"]
    built: dict[str, Any] = admin.wait(
        lambda: admin.get("compute", f"/servers/{server['id']}")["server"],
        lambda seen: seen["status"] in ("ACTIVE", "ERROR"),
        seconds=PATIENCE,
    )
    assert built["status"] == "ACTIVE", built.get("fault")
    return built


def test_a_host_that_joined_serves(bed: Bed, hosts: dict[str, StateDirectory]) -> None:
    server = make_server(bed, ONE)
    assert server["OS-EXT-SRV-ATTR:host"] == ONE
    shown = nacre("agent", "list", state=bed.where / "control-1", config=bed.config)
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [ONE, TWO]


def test_a_token_is_good_once(bed: Bed, tmp_path: Path) -> None:
    token = make_token(bed, "h.3")
    assert join(token, tmp_path / "first").returncode == 0
    second = join(token, tmp_path / "second")
    assert second.returncode == 1
    assert "lets nobody join" in second.stderr


def test_asking_again_with_the_same_password_is_the_same_request(bed: Bed, tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    state.prepare()
    ticket = joining.Ticket.read(make_token(bed, "h.4"))
    first, again = joining._pending(state, ticket), joining._pending(state, ticket)
    assert first == again
    assert joining._exchange(ticket, first)["name"] == joining._exchange(ticket, again)["name"] == "h.4"


@pytest.mark.parametrize("text", ["nonsense", "", str(joining.Ticket(url="ftp://x", token="x"))])
def test_what_is_no_token_is_refused(tmp_path: Path, text: str) -> None:
    done = nacre("agent", "join", text, state=tmp_path)
    assert done.returncode == 1
    assert "not a token" in done.stderr


def test_a_wrong_secret_lets_nobody_join(bed: Bed, tmp_path: Path) -> None:
    ticket = joining.Ticket.read(make_token(bed, "h.5"))
    state = StateDirectory(tmp_path / "state")
    state.prepare()
    wrong = joining.Ticket(
        url=ticket.url, token=ticket.token[:-1] + ("A" if ticket.token[-1] != "A" else "B")
    )
    with pytest.raises(errors.Forbidden):
        joining._exchange(wrong, joining._pending(state, wrong))


def test_without_tls_a_token_is_not_sent_over_a_network(tmp_path: Path) -> None:
    ticket = joining.Ticket(url="http://198.51.100.7:5000/v3", token="x.y")
    done = nacre("agent", "join", str(ticket), state=tmp_path)
    assert done.returncode == 1
    assert "without TLS" in done.stderr


# -- what a thief finds ---------------------------------------------------------------------------------


def test_a_host_holds_nothing_of_the_control_planes(bed: Bed, hosts: dict[str, StateDirectory]) -> None:
    secrets = bed.state_of("control-1").secrets()
    forbidden = {name: getattr(secrets, name) for name in secrets.__struct_fields__}
    forbidden |= {"key": bed.key.read_text().strip(), "database": str(bed._sections["database"]["url"])}
    found = [
        (path, name)
        for path in hosts[ONE].root.rglob("*")
        if path.is_file()
        for name, secret in forbidden.items()
        if secret.encode() in path.read_bytes()
    ]
    assert not found


Attempt = Callable[[Any, Names], Any]
THEFTS: dict[str, Attempt] = {
    "read another's orders": lambda channel, names: channel.basic_get(names.shared_queue(f"compute.{TWO}")),
    "be copied on another's orders": lambda channel, names: channel.queue_bind(
        names.shared_queue(f"compute.{ONE}"), names.calls, f"compute.{TWO}"
    ),
    "read what the control plane is told": lambda channel, names: channel.basic_get(
        names.shared_queue("compute")
    ),
    "give another orders": lambda channel, names: channel.basic_publish(
        b"", exchange=names.calls, routing_key=f"compute.{TWO}"
    ),
    "say that it is another": lambda channel, names: channel.basic_publish(
        encode_request(rpc.HOST_CHANGES, rpc.HostChangesRequest(host=TWO)),
        exchange=names.calls,
        routing_key="network",
        properties=Basic.Properties(user_id=names.host_account(TWO)),
    ),
    "listen to events": lambda channel, names: channel.basic_get(f"{REALM}.event.network.port.up:compute"),
}


@pytest.mark.parametrize("theft", THEFTS)
def test_with_a_stolen_credential_nobody_can(theft: str, hosts: dict[str, StateDirectory]) -> None:
    options = options_of(hosts[ONE])

    async def attempt() -> None:
        connection = await aiormq.connect(options.urls()[0])
        try:
            channel = await connection.channel(publisher_confirms=True)
            await THEFTS[theft](channel, Names(options.realm))
        finally:
            await connection.close()

    with pytest.raises(AMQPError) as caught:
        asyncio.run(attempt())
    assert isinstance(caught.value, ChannelAccessRefused) or "user_id" in str(caught.value)


def test_with_a_stolen_credential_nobody_sees_another_hosts_network(
    hosts: dict[str, StateDirectory],
) -> None:
    from nacre.kernel.bus.amqp import AmqpBus

    bus = AmqpBus(options_of(hosts[ONE]), name=ONE)
    try:
        assert bus.call("network", rpc.HOST_CHANGES, rpc.HostChangesRequest(host=ONE), PATIENCE).full
        with pytest.raises(errors.Forbidden):
            bus.call("network", rpc.HOST_CHANGES, rpc.HostChangesRequest(host=TWO), PATIENCE)
    finally:
        bus.close()


def test_a_host_vouches_for_its_own_guests_only(bed: Bed, hosts: dict[str, StateDirectory]) -> None:
    """What a server keeps in its user data is not for other hosts."""
    server = make_server(bed, TWO)
    url = f"http://{bed.front}:{bed.ports.of(8775)}/latest/meta-data/hostname"

    def ask(host: str, claims_to_be: str) -> int:
        section = ConfigFile.read(hosts[host].config).values("agent")
        headers = {
            "X-Instance-ID": server["id"],
            "X-Tenant-ID": server["tenant_id"],
            "X-Instance-ID-Signature": signature(section["metadata_secret"], server["id"]),
        }
        if claims_to_be:
            headers["X-Nacre-Host"] = claims_to_be
        return urllib3.PoolManager().request("GET", url, headers=headers).status

    assert ask(TWO, TWO) == 200
    assert [ask(ONE, claim) for claim in (ONE, TWO, "")] == [403, 403, 403]


def test_a_host_that_was_sent_away_is_cut_off(lab: Lab, bed: Bed, tmp_path: Path) -> None:
    state, broker = StateDirectory(tmp_path / "state"), lab.infrastructure.broker
    assert join(make_token(bed, "h.6"), state.root).returncode == 0
    accounts = BrokerAccounts(BusOptions(url=broker.url, realm=REALM, **broker.management()), KINDS)
    assert "h.6" in accounts.names()

    async def be_sent_away() -> None:
        connection = await aiormq.connect(options_of(state).urls()[0])
        done = await asyncio.to_thread(
            nacre, "agent", "remove", "h.6", state=bed.where / "control-1", config=bed.config
        )
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([connection.closing])

    asyncio.run(be_sent_away())
    assert "h.6" not in accounts.names()
    with pytest.raises(AMQPError):
        asyncio.run(_connect(options_of(state).urls()[0]))


async def _connect(url: str) -> None:
    await (await aiormq.connect(url)).close()
