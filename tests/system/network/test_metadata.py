"""The way from a guest to the metadata service: who asks is told by the network, not by the guest."""

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from guests import Guest, Plane
from network_rows import PROJECT, make_leg, make_network, make_port, make_router, neighbour_of, with_dhcp

from nacre.services.network.agent.metadata import signature

SECRET = "the-shared-secret"


class Upstream(http.server.ThreadingHTTPServer):
    """A metadata service that remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        answer = b"ami-id\n" if self.path == "/latest/meta-data/" else b"no"
        self.send_response(200 if answer != b"no" else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def plane(make_plane: Callable[..., Plane], upstream: Upstream) -> Plane:
    return make_plane(machine_access=False, metadata_url=upstream.url, metadata_secret=SECRET)


def fetch(guest: Guest, path: str, *options: str) -> str:
    return guest.run("curl", "-s", "-m", "5", "-i", *options, f"http://169.254.169.254{path}").stdout


def test_a_guest_on_a_network_without_router_is_told_by_its_dhcp_server(
    plane: Plane, upstream: Upstream
) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    port = make_port(network, "10.0.0.11", port_security_enabled=False)
    plane.driver.ensure_neighbours([neighbour_of(port)])
    plane.driver.ensure_network(network)
    guest = plane.plug(port)
    guest.lease()
    answer = fetch(
        guest, "/latest/meta-data/", "-H", "X-Instance-ID: somebody-else", "-H", "x-tenant-id: another",
        "-H", "X-Forwarded-For: 10.0.0.99", "-H", "X-Custom: kept",
    )  # fmt: skip
    assert answer.startswith("HTTP/1.1 200")
    assert answer.endswith("ami-id\n")
    _, path, headers, _ = upstream.requests[0]
    assert path == "/latest/meta-data/"
    assert headers["X-Forwarded-For"] == "10.0.0.11"
    assert headers["X-Instance-ID"] == port.device_id
    assert headers["X-Tenant-ID"] == PROJECT
    assert headers["X-Instance-ID-Signature"] == signature(SECRET, port.device_id)
    assert headers["X-Custom"] == "kept"
    assert fetch(guest, "/nothing").startswith("HTTP/1.1 404")
    assert fetch(guest, "/openstack/latest/password", "-d", "sealed").startswith("HTTP/1.1 404")
    assert upstream.requests[-1][3] == b"sealed"


def test_guests_behind_routers_with_the_same_addresses_are_told_apart(
    plane: Plane, upstream: Upstream
) -> None:
    ports = []
    for _ in range(2):
        network = make_network()
        port = make_port(network, "10.0.0.11", port_security_enabled=False)
        plane.driver.ensure_neighbours([neighbour_of(port)])
        plane.driver.ensure_network(network)
        plane.driver.ensure_router(make_router(make_leg(network, "10.0.0.1/24")))
        plane.plug(port).configure("10.0.0.11/24", gateway="10.0.0.1")
        ports.append(port)
    for guest in plane.guests:
        assert fetch(guest, "/latest/meta-data/").endswith("ami-id\n")
    assert [headers["X-Instance-ID"] for _, _, headers, _ in upstream.requests] == [
        p.device_id for p in ports
    ]


def test_strangers_and_nonsense_are_turned_away(plane: Plane, upstream: Upstream) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    port = make_port(network, "10.0.0.11", port_security_enabled=False)
    plane.driver.ensure_network(network)
    guest = plane.plug(port).configure("10.0.0.11/24", gateway="10.0.0.2")
    assert fetch(guest, "/latest/meta-data/").startswith("HTTP/1.1 404")
    plane.driver.ensure_neighbours([neighbour_of(port)])
    assert fetch(guest, "/", "-x", "http://169.254.169.254:80").startswith("HTTP/1.1 400")
    assert fetch(guest, "/", "-H", "Content-Length: 99999999").startswith("HTTP/1.1 413")
    assert upstream.requests == []


def test_the_answers_go_on_after_a_restart_and_end_with_the_network(plane: Plane, upstream: Upstream) -> None:
    network = with_dhcp(make_network(), "10.0.0.2")
    port = make_port(network, "10.0.0.11", port_security_enabled=False)
    for driver in (plane.driver, plane.restart()):
        driver.ensure_neighbours([neighbour_of(port)])
        driver.ensure_network(network)
    guest = plane.plug(port).configure("10.0.0.11/24", gateway="10.0.0.2")
    assert fetch(guest, "/latest/meta-data/").endswith("ami-id\n")
    upstream.server_close()
    upstream.shutdown()
    assert fetch(guest, "/latest/meta-data/").startswith("HTTP/1.1 503")
