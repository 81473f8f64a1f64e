"""Every process of a cloud is restarted, one after another, while people use it: nobody notices."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.conftest import MakeBed
from nacre.cloud.client import CloudClient
from nacre.cloud.lab.bed import Bed

PATIENCE = 120.0  # seconds after which a test gives up; never an expectation
SPLIT = (("identity", "placement"), ("image", "network", "compute"))
REQUESTS_BETWEEN = 25  # that are to be answered between one restart and the next

#: A client and a number that nobody else gets: do something that a user does.
Deed = Callable[[CloudClient, int], None]


@pytest.fixture(scope="module")
def bed(make_bed: MakeBed) -> Bed:
    """Two control nodes and two hosts."""
    return make_bed(control=2, hosts=("host-1", "host-2"), split=SPLIT)


class Load:
    """People who use the cloud without a pause; what fails is kept."""

    def __init__(self, bed: Bed, deeds: tuple[Deed, ...]) -> None:
        self._bed, self._numbers = bed, itertools.count(1)
        self.people = len(deeds)
        self._over = threading.Event()
        self._progress = threading.Condition()
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._by_person = [0] * len(deeds)
        self._threads = [
            threading.Thread(target=self._use, args=(person, deed), daemon=True)
            for person, deed in enumerate(deeds)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def wait_for(self, more: int) -> None:
        """Return when so many more deeds were done."""
        with self._progress:
            wanted = self.done.total() + more
            assert self._progress.wait_for(
                lambda: self.done.total() >= wanted or bool(self.failures), PATIENCE
            ), f"only {self.done.total()} of {wanted} were done"

    def let_everybody_finish(self) -> None:
        """Return when whatever was under way has ended, well or not."""
        with self._progress:
            before = list(self._by_person)
            ended = self._progress.wait_for(
                lambda: all(now > then for now, then in zip(self._by_person, before, strict=True)), PATIENCE
            )
            assert ended, "somebody waits for ever"

    def _use(self, person: int, deed: Deed) -> None:
        client = self._bed.admin()
        while not self._over.is_set():
            try:
                deed(client, next(self._numbers))
            except Exception as error:  # noqa: BLE001 - all that goes wrong is to be told
                detail = getattr(error, "detail", "") or ""
                self.failures.append(f"{deed.__name__}: {error!r} {detail}")
            with self._progress:
                self.done[deed.__name__] += 1
                self._by_person[person] += 1
                self._progress.notify_all()


def log_in(client: CloudClient, number: int) -> None:
    client.log_in()


def look_around(client: CloudClient, number: int) -> None:
    client.get("compute", "/servers/detail")
    client.get("image", "/v2/images")
    client.get("network", "/v2.0/ports")


def make_network(client: CloudClient, number: int) -> None:
    network = client.post("network", "/v2.0/networks", {"network": {"name": f"n{number}"}})["network"]
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "10.9.0.0/24"}
    client.post("network", "/v2.0/subnets", {"subnet": subnet})
    client.delete("network", f"/v2.0/networks/{network['id']}")


def make_server(client: CloudClient, number: int) -> None:
    flavor = client.find("compute", "/flavors", "flavors", "m1.nano")["id"]
    image = client.get("image", "/v2/images")["images"][0]["id"]
    body: dict[str, Any] = {"name": f"s{number}", "flavorRef": flavor, "imageRef": image, "networks": "none"}
    server = client.post("compute", "/servers", {"server": body}, version="2.37")["server"]
    path = f"/servers/{server['id']}"
    built = client.wait(
        lambda: client.get("compute", path)["server"],
        lambda seen: seen["status"] in ("ACTIVE", "ERROR"),
        seconds=PATIENCE,
    )
    assert built["status"] == "ACTIVE", built.get("fault")
    client.delete("compute", path)
    left = client.wait(
        lambda: client.get("compute", "/servers/detail", name=f"^s{number}$")["servers"],
        lambda seen: not seen or seen[0]["status"] == "ERROR",
        seconds=PATIENCE,
    )
    assert not left


@pytest.fixture
def load(bed: Bed) -> Iterator[Load]:
    with Load(bed, (log_in, look_around, make_network, make_server, make_server)) as load:
        yield load


@pytest.mark.timeout(600)
def test_no_request_is_lost_when_everything_is_restarted(bed: Bed, load: Load) -> None:
    load.wait_for(REQUESTS_BETWEEN)
    for name in bed.programs:
        if name != "proxy":
            bed.restart(name)
            load.wait_for(REQUESTS_BETWEEN)
            assert not load.failures, f"while {name} was restarted: {load.failures[:5]}"
    assert load.done["make_server"] > 0


@pytest.mark.timeout(600)
def test_a_process_that_dies_is_not_missed(bed: Bed, load: Load) -> None:
    """Killed, it takes what it was answering with it; from then on the other answers everything."""
    name = "control-1/image+network+compute"
    load.wait_for(REQUESTS_BETWEEN)
    bed.programs[name].kill()
    load.let_everybody_finish()
    assert len(load.failures) <= load.people
    load.failures.clear()
    load.wait_for(REQUESTS_BETWEEN)
    bed.programs[name].start()
    load.wait_for(REQUESTS_BETWEEN)
    assert not load.failures
