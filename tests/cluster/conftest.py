"""A cloud of several machines for the tests of a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nacre.cloud.lab.bed import Bed
from nacre.kernel.testing.brokers import Broker
from nacre.kernel.testing.databases import Server
from nacre.services import NAMES

MakeBed = Callable[..., Bed]
CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_passes": 1}


@pytest.fixture(scope="module")
def make_bed(
    tmp_path_factory: pytest.TempPathFactory, broker: Broker, request: pytest.FixtureRequest
) -> Iterator[MakeBed]:
    """Make and start test beds on an engine; they are closed after the file's tests."""
    if shutil.which("haproxy") is None:
        pytest.skip("no HAProxy is installed (Debian's package haproxy)")
    started: list[Bed] = []

    def make(engine: str = "postgresql", **options: Any) -> Bed:
        server: Server = request.getfixturevalue(engine)
        options.setdefault("broker_url", broker.url)
        options.setdefault("realm", broker.new_realm())
        sections = {"identity": CHEAP_HASHES, **options.pop("sections", {})}
        bed = Bed(
            tmp_path_factory.mktemp("bed"), database_url=server.new_cloud(NAMES), sections=sections, **options
        )
        started.append(bed)
        bed.start()
        return bed

    yield make
    for bed in started:
        bed.close()
