"""Consoles: who gets a token, what it is worth, and the bytes that pass between a browser and a screen."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from nacre.kernel.http.app import Shell, listen
from nacre.services.compute import rpc
from nacre.services.compute.agent.passages import Identity
from nacre.services.compute.agent.screens import Screens
from nacre.services.compute.db import console_tokens, servers

NOVNC = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
GREETING = b"RFB 003.008\n"
QEMU = "qemu-system-x86_64"


@pytest.fixture
def tmp_path():
    """A path that is short enough for sockets below it, whatever pytest's own looks like."""
    with tempfile.TemporaryDirectory(prefix="nacre-") as path:
        yield Path(path)


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "novnc"
    (folder / "core").mkdir(parents=True)
    (folder / "vnc_lite.html").write_text("<!DOCTYPE html><html><title>noVNC</title></html>")
    (folder / "core" / "rfb.js").write_text("export default class RFB {}")
    (tmp_path / "secret").write_text("nobody's business")
    (folder / "link").symlink_to(tmp_path / "secret")
    return {"compute": {"novnc_directory": str(folder)}}


@pytest.fixture
def server(stocked, member):
    return member.create()


def ask(user, server, body=NOVNC, version="2.6"):
    return user.post(f"/servers/{server}/remote-consoles", body, version=version)


def token_in(url):
    (path,) = parse_qs(urlsplit(url).query)["path"]
    return parse_qs(path.partition("?")[2])["token"][0]


# --- asking for one ---------------------------------------------------------------------------------


def test_an_address_with_a_token(member, server, stocked):
    answer = ask(member, server)
    assert answer.status == 200
    console = answer.json["remote_console"]
    assert (console["protocol"], console["type"]) == ("vnc", "novnc")
    assert console["url"].startswith("http://127.0.0.1:6080/vnc_lite.html?path=%3Ftoken%3D")
    kept = stocked.compute.db.read(lambda tx: tx.execute(console_tokens._ALL).all())
    assert token_in(console["url"]) not in str(kept)


def test_the_action_of_old(member, server):
    old = member.act(server, **{"os-getVNCConsole": {"type": "novnc"}})
    assert (old.status, set(old.json["console"])) == (200, {"type", "url"})
    assert member.act(server, version="2.6", **{"os-getVNCConsole": {"type": "novnc"}}).status == 400
    assert ask(member, server, version="2.5").status == 404


@pytest.mark.parametrize(
    ("protocol", "kind", "version"),
    [
        ("spice", "spice-html5", "2.6"),
        ("rdp", "rdp-html5", "2.6"),
        ("serial", "serial", "2.6"),
        ("vnc", "xvpvnc", "2.6"),
        ("vnc", "serial", "2.6"),
        ("mks", "webmks", "2.7"),
        ("mks", "webmks", "2.8"),
        ("vnc", "nonsense", "2.8"),
    ],
)
def test_consoles_that_are_not_to_be_had(member, server, protocol, kind, version):
    body = {"remote_console": {"protocol": protocol, "type": kind}}
    assert ask(member, server, body, version).status == 400


def test_consoles_of_old_that_are_not_to_be_had(member, server):
    for action, kind in (("SPICE", "spice-html5"), ("RDP", "rdp-html5"), ("Serial", "serial")):
        refused = member.act(server, **{f"os-get{action}Console": {"type": kind}})
        message = f"Unavailable console type {kind}."
        assert (refused.status, refused.json["badRequest"]["message"]) == (400, message)


def test_servers_without_a_screen(member, stranger, server):
    assert ask(stranger, server).status == 404
    member.act(server, **{"os-stop": None})
    member.await_status(server, "SHUTOFF")
    assert ask(member, server).status == 409


def test_what_a_token_opens(cloud, admin, member, server):
    token = token_in(ask(member, server).json["remote_console"]["url"])
    path = f"/os-console-auth-tokens/{token}"
    shown = admin.get(path, version="2.31").json["console"]
    assert (shown["instance_uuid"], shown["host"]) == (server, "host-1")
    assert set(shown) == {"instance_uuid", "host", "port", "internal_access_path"}
    assert admin.get(path, version="2.31").status == 200
    assert admin.get(path, version="2.30").status == 404
    assert member.get(path, version="2.31").status == 403
    assert admin.get("/os-console-auth-tokens/nonsense", version="2.31").status == 404
    cloud.clock.turn(minutes=11)
    assert admin.get(path, version="2.31").status == 404


# --- the page ---------------------------------------------------------------------------------------


def test_the_page_and_its_files(cloud):
    page = cloud.anonymous.get("console", "/vnc_lite.html?path=%3Ftoken%3Dx")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert page.headers["referrer-policy"] == "no-referrer"
    script = cloud.anonymous.get("console", "/core/rfb.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for path in ("/core", "/absent.js", "/../secret", "/..%2Fsecret", "/core/%2e%2e/%2e%2e/secret", "/link",
                 "/%00", "//etc/passwd", "/%2Fetc%2Fpasswd", f"/{'x' * 300}"):  # fmt: skip
        answer = cloud.anonymous.get("console", path)
        assert (answer.status, b"business" in answer.body) == (404, False), path


@pytest.mark.parametrize("config", [{"compute": {"novnc_directory": "/nonexistent"}}], indirect=False)
def test_a_simulated_cloud_says_that_there_is_nothing_to_see(stocked, config):
    page = stocked.anonymous.get("console", "/vnc_lite.html")
    assert (page.status, b"simulated" in page.body) == (200, True)
    assert stocked.anonymous.get("console", "/vnc.html").status == 404


# --- the websocket ----------------------------------------------------------------------------------


class ScreenHost:
    """A host with a screen: it answers the bus, greets whoever connects, and echoes what it is sent."""

    def __init__(self, cloud, path):
        self.path, self.connections, self.door = path, [], None
        self.subscription = cloud.process.bus.serve(rpc.host_topic("screens"), {rpc.CONSOLE: self.console})
        self.listener = socket.socket(socket.AF_UNIX)

    def listen(self):
        self.listener.bind(str(self.path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def console(self, message):
        console = rpc.Console(host="screens", type=message.type, path=str(self.path))
        return self.door.lend(console) if self.door else console

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                connection.sendall(GREETING)
                while data := connection.recv(4096):
                    connection.sendall(data[::-1])
                connection.close()

    def hang_up(self):
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.subscription.close()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def silent_screens(stocked, server, tmp_path):
    """The server's host says where its screen is, and nothing is there yet."""
    host = ScreenHost(stocked, tmp_path / "vnc")
    status = msgspec.structs.replace(stocked.agents["host-1"].status(), host="screens", virt_type="qemu")
    stocked.process.bus.call(rpc.CONTROL_TOPIC, rpc.HOST_REPORT, rpc.HostReport(status=status))
    stocked.compute.db.run(servers.update, server, host="screens")
    yield host
    host.close()


@pytest.fixture
def screens(silent_screens):
    silent_screens.listen()
    return silent_screens


@pytest.fixture
def door(screens, tmp_path):
    """The way to the screen for proxies on other machines, which this one has to take from now on."""
    screens.door = Screens(Identity(tmp_path / "identity"), "127.0.0.1")
    yield screens.door
    screens.door.close()


@pytest.fixture
def proxy(stocked):
    """The console API on a socket of its own; the address of its websocket."""
    (listener,) = sockets = listen("127.0.0.1", [0])
    port = listener.getsockname()[1]
    shell = Shell({port: stocked.api("console")}, None, {}, stocked.process.pool)
    ready = threading.Event()
    thread = threading.Thread(target=shell.serve, args=(sockets,), kwargs={"on_ready": ready.set})
    thread.start()
    ready.wait(10)
    yield f"127.0.0.1:{port}"
    shell.stop()
    thread.join()


def look(proxy, url, **options):
    return connect(f"ws://{proxy}/?token={token_in(url)}", subprotocols=["binary"], **options)


def is_refused(proxy, token):
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{proxy}/?token={token}")
    return refused.value.response.status_code == 403


def eventually(condition, what):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)


def closing_of(connection):
    with pytest.raises(ConnectionClosed) as closed:
        connection.recv(timeout=10)
    return closed.value.rcvd


def test_bytes_pass_both_ways(member, server, screens, proxy):
    url = ask(member, server).json["remote_console"]["url"]
    with look(proxy, url) as connection:
        assert connection.subprotocol == "binary"
        assert connection.recv(timeout=10) == GREETING
        connection.send(b"abc")
        assert connection.recv(timeout=10) == b"cba"
        screens.hang_up()
        assert closing_of(connection).code == 1000


def test_bytes_pass_between_machines(member, server, screens, door, proxy):
    url = ask(member, server).json["remote_console"]["url"]
    with look(proxy, url) as connection:
        assert connection.recv(timeout=10) == GREETING
        connection.send(b"abc" * 100_000)
        echoed = b""
        while len(echoed) < 300_000:
            echoed += connection.recv(timeout=10)
        assert set(echoed) == set(b"abc")
        screens.hang_up()
        assert closing_of(connection).code == 1000


def test_a_host_that_is_another_is_not_shown(member, server, screens, door, proxy, tmp_path):
    url = ask(member, server).json["remote_console"]["url"]
    lend, stranger = door.lend, Identity(tmp_path / "stranger")
    screens.door = SimpleNamespace(
        lend=lambda console: msgspec.structs.replace(lend(console), certificate=stranger.certificate),
        close=door.close,
    )
    with look(proxy, url) as connection:
        assert closing_of(connection).code == 1013
    assert not screens.connections


def test_a_ticket_opens_one_screen_once(screens, door, tmp_path):
    lent = door.lend(rpc.Console(host="screens", type=rpc.ConsoleType.VNC, path=str(screens.path)))
    assert (lent.path, lent.address) == ("", "127.0.0.1")
    assert lent.ticket not in repr(lent)

    def visit(ticket):
        terms = Identity(tmp_path / "visitor").context(lent.certificate, listens=False)
        with terms.wrap_socket(socket.create_connection((lent.address, lent.port))) as visitor:
            visitor.sendall(f"{ticket}\n".encode())
            return visitor.recv(len(GREETING))

    assert visit("nonsense") == b""
    assert visit(lent.ticket) == GREETING
    assert visit(lent.ticket) == b""


def test_a_ticket_is_good_for_a_while(screens, tmp_path):
    now = [0.0]
    door = Screens(Identity(tmp_path / "identity"), "127.0.0.1", now=lambda: now[0])
    lent = door.lend(rpc.Console(host="screens", type=rpc.ConsoleType.VNC, path=str(screens.path)))
    now[0] = 31.0
    assert door._redeem(lent.ticket.encode()) is None
    door.close()


def test_a_token_opens_once(member, server, screens, proxy):
    url = ask(member, server).json["remote_console"]["url"]
    with look(proxy, url) as connection:
        assert connection.recv(timeout=10) == GREETING
    assert is_refused(proxy, token_in(url))


def test_tokens_that_open_nothing(cloud, member, server, screens, proxy):
    assert is_refused(proxy, "bad")
    assert is_refused(proxy, "")
    url = ask(member, server).json["remote_console"]["url"]
    cloud.clock.turn(minutes=11)
    assert is_refused(proxy, token_in(url))


def test_pages_of_others_may_not_look(member, server, screens, proxy):
    url = ask(member, server).json["remote_console"]["url"]
    with pytest.raises(InvalidStatus):
        look(proxy, url, origin="http://evil.example")
    with look(proxy, url, origin=f"http://{proxy}") as connection:
        assert connection.recv(timeout=10) == GREETING


def test_a_screen_that_is_out_of_reach(member, server, screens, proxy):
    url = ask(member, server).json["remote_console"]["url"]
    screens.path.unlink()
    with look(proxy, url) as connection:
        closing = closing_of(connection)
    assert (closing.code, "screens" in closing.reason) == (1013, True)


def test_a_simulated_server_shows_a_picture(member, server, proxy):
    with look(proxy, ask(member, server).json["remote_console"]["url"]) as connection:
        assert connection.recv(timeout=10) == GREETING
        connection.send(GREETING)
        assert connection.recv(timeout=10) == b"\x01\x01"


@pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not installed")
def test_the_screen_of_a_real_guest(member, server, silent_screens, proxy):
    command = [QEMU, "-S", "-nodefaults", "-vga", "std", "-m", "16", "-name", "guest", "-display", "none"]
    guest = subprocess.Popen([*command, "-vnc", f"unix:{silent_screens.path}"], stdin=subprocess.DEVNULL)
    try:
        eventually(silent_screens.path.exists, "the socket of the guest's screen")
        with look(proxy, ask(member, server).json["remote_console"]["url"]) as connection:
            assert connection.recv(timeout=10) == GREETING
            connection.send(GREETING)
            assert 1 in connection.recv(timeout=10)[1:]  # no password: the socket is only for us
            connection.send(b"\x01")
            assert connection.recv(timeout=10) == bytes(4)
            connection.send(b"\x01")
            assert b"guest" in connection.recv(timeout=10)
            guest.kill()
            assert closing_of(connection).code == 1000
    finally:
        guest.kill()
        guest.wait()
