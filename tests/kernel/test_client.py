"""A service elsewhere, which goes away and comes back."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from nacre.kernel import client, errors
from nacre.kernel.client import RemoteClient
from nacre.kernel.testing.daemons import free_ports

CTX = SimpleNamespace(token=None, request_id="req-1", service=SimpleNamespace(name="compute"))


class Place:
    """An address at which a service answers, or a proxy in its place, or nobody."""

    def __init__(self):
        self.port, self.paths, self._server = free_ports(1)[0], [], None

    def open(self, status, headers):
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                place.paths.append(self.path)
                self.send_response(status)
                for name, value in {**headers, "content-length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *words):
                pass

        self._server = HTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def shut(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def place(monkeypatch):
    monkeypatch.setattr(client, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(client, "_headers", lambda *_: {})
    place = Place()
    yield place
    place.shut()


OURS = {"x-openstack-request-id": "req-1"}


def ask(remote):
    with pytest.raises(errors.Unavailable):
        remote.request(CTX, "GET", "/v2.0/ports")


def test_an_outage_counts_once_it_is_over(place):
    remote = RemoteClient("network", f"http://127.0.0.1:{place.port}/network")
    assert remote.outages() == 0
    ask(remote)
    assert remote.outages() == 0
    place.open(200, OURS)
    assert remote.outages() == 1
    assert remote.outages() == 1
    assert place.paths == ["/healthcheck"]


def test_a_proxy_that_finds_nobody_is_an_outage_too(place):
    remote = RemoteClient("network", f"http://127.0.0.1:{place.port}/network")
    place.open(503, {})
    ask(remote)
    assert remote.outages() == 0
    place.shut()
    place.open(200, OURS)
    assert remote.outages() == 1


def test_a_service_that_says_itself_that_it_cannot_is_none(place):
    remote = RemoteClient("network", f"http://127.0.0.1:{place.port}/network")
    place.open(503, OURS)
    ask(remote)
    assert remote.outages() == 0
    assert place.paths == ["/network/v2.0/ports"]


def test_it_is_not_asked_all_the_time(place, monkeypatch):
    monkeypatch.setattr(client, "LOOK_AGAIN_SECONDS", 3600.0)
    remote = RemoteClient("network", f"http://127.0.0.1:{place.port}/network")
    ask(remote)
    assert remote.outages() == 0
    place.open(200, OURS)
    assert remote.outages() == 0
    assert place.paths == []
