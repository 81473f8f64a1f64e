"""What a host that sends a guest may say to another host's libvirt, and what is refused."""

import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("libvirt")

from control_of_compute import make_spec

from nacre.kernel.errors import Forbidden
from nacre.services.compute.agent.drivers.libvirt import guards
from nacre.services.compute.agent.drivers.libvirt.boundaries import Boundary
from nacre.services.compute.agent.drivers.libvirt.disks import ServerFiles
from nacre.services.compute.agent.drivers.libvirt.domains import Host, describe
from nacre.services.compute.agent.drivers.libvirt.options import LibvirtOptions
from nacre.services.compute.agent.drivers.libvirt.translation import Places, Translation
from nacre.services.compute.rpc import NicSpec

SERVER_ID = "6f2b1c9e-5b2b-4c1e-9d11-2f6f0a1b2c3d"
HERE = Places(files=f"/h/servers/{SERVER_ID}", images="/h/images", screens="/h/vnc")
THERE = Places(files=f"/t/servers/{SERVER_ID}", images="/t/images", screens="/t/vnc")
EMULATOR = "/usr/bin/qemu-system-x86_64"
SOCKETS = ("/run/libvirt/moves/x.mem", "/run/libvirt/moves/x.dis")


@pytest.fixture
def domain() -> ET.Element:
    """A guest as the host that it leaves describes it for the other one."""
    nic = NicSpec(port_id="p-1", tap_device="tap0", mac_address="fa:16:3e:00:00:01")
    spec = make_spec(id=SERVER_ID, nics=(nic,), ephemeral_gb=1, swap_mb=8, config_drive={"a": b""})
    host = Host("qemu", EMULATOR, LibvirtOptions(), Path(HERE.screens))
    description = describe(spec, ServerFiles(Path(HERE.files)), host)
    return ET.fromstring(Translation(HERE, THERE).of(description))


@pytest.fixture
def guard(tmp_path: Path) -> guards.Guard:
    boundary = Boundary(SERVER_ID, THERE, EMULATOR, frozenset(["tap0"]), SOCKETS)
    return guards.Guard(tmp_path / "socket", boundary)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value + bytes(-len(value) % 4)


def packet(procedure: int, body: bytes = b"", program: int = guards.REMOTE_PROGRAM) -> bytes:
    header = struct.pack(">6I", program, 1, procedure, 0, 1, 0)
    return struct.pack(">I", 28 + len(body)) + header + body


def said(procedure: int = guards.PREPARE, cookie: bytes = b"", **texts: str) -> bytes:
    parameters = [
        text(name.encode()) + struct.pack(">I", 7) + text(each.encode()) for name, each in texts.items()
    ]
    parameters.append(text(b"bandwidth") + struct.pack(">IQ", 4, 17))
    body = struct.pack(">I", len(parameters)) + b"".join(parameters) + text(cookie) + struct.pack(">I", 0)
    return packet(procedure, body)


def prepare(domain: ET.Element, **texts: str) -> bytes:
    return said(destination_xml=ET.tostring(domain, encoding="unicode"), **texts)


def test_the_words_of_a_migration_pass(guard, domain) -> None:
    for procedure in (guards.OPEN, guards.AUTH_LIST, guards.SUPPORTS_FEATURE, guards.CLOSE):
        guard.check(packet(procedure))
    guard.check(packet(2, program=guards.KEEPALIVE_PROGRAM))
    guard.check(prepare(domain, migrate_uri=f"unix://{SOCKETS[0]}", disks_uri=f"unix://{SOCKETS[1]}"))
    cookie = b"<qemu-migration>" + ET.tostring(domain) + b"</qemu-migration>\0"
    guard.check(said(guards.FINISH, cookie))


@pytest.mark.parametrize("procedure", [0, 10, 13, 23, 350])
def test_other_calls_do_not(guard, procedure) -> None:
    with pytest.raises(Forbidden):
        guard.check(packet(procedure))


@pytest.mark.parametrize(
    ("path", "attribute", "value"),
    [
        ("uuid", None, "11111111-2222-3333-4444-555555555555"),
        ("name", None, "server-other"),
        ("devices/emulator", None, "/bin/sh"),
        ("devices/disk/source", "file", "/etc/shadow"),
        ("devices/disk/source", "file", f"{THERE.files}/../other/root.qcow2"),
        ("devices/disk/source", "file", f"{THERE.images}/base.raw"),
        ("devices/disk", "type", "block"),
        ("devices/interface", "type", "direct"),
        ("devices/interface/target", "dev", "tap1"),
        ("devices/serial", "type", "file"),
        ("devices/serial/log", "file", "/etc/cron.d/x"),
        ("devices/graphics", "socket", "/run/x"),
        ("devices/rng/backend", None, "/dev/sda"),
    ],
)
def test_a_guest_that_reaches_further_is_refused(guard, domain, path, attribute, value) -> None:
    element = domain.find(path)
    assert element is not None
    if attribute is None:
        element.text = value
    else:
        element.set(attribute, value)
    with pytest.raises(Forbidden):
        guard.check(prepare(domain))
    with pytest.raises(Forbidden):
        guard.check(said(guards.FINISH, b"<qemu-migration>" + ET.tostring(domain) + b"</qemu-migration>"))


@pytest.mark.parametrize("device", ["hostdev", "filesystem", "tpm", "shmem", "redirdev", "smartcard"])
def test_devices_that_none_of_ours_has_are_refused(guard, domain, device) -> None:
    ET.SubElement(domain.find("devices"), device)
    with pytest.raises(Forbidden):
        guard.check(prepare(domain))


def test_arguments_for_qemu_are_refused(guard, domain) -> None:
    ET.SubElement(domain, "{http://libvirt.org/schemas/domain/qemu/1.0}commandline")
    with pytest.raises(Forbidden):
        guard.check(prepare(domain))


def test_other_ways_in_are_refused(guard, domain) -> None:
    for where in ("tcp://0.0.0.0:49152", "unix:///run/other", f"unix://{SOCKETS[1]}"):
        with pytest.raises(Forbidden):
            guard.check(prepare(domain, migrate_uri=where))


def test_what_cannot_be_read_is_refused(guard, domain) -> None:
    whole = prepare(domain)
    for broken in (
        whole[:200],
        said(),
        said(destination_xml="<domain"),
        packet(guards.PREPARE, b"\xff" * 64),
    ):
        with pytest.raises(Forbidden):
            guard.check(broken)
