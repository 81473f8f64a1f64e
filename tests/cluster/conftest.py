"""A cloud of several machines for the tests of a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from nacre.cloud.lab import lab
from nacre.cloud.lab.bed import Bed
from nacre.cloud.lab.lab import Lab
from nacre.kernel.testing.brokers import PROGRAM, Broker
from nacre.kernel.testing.databases import Server
from nacre.services import NAMES

MakeBed = Callable[..., Bed]
MakeLab = Callable[..., Lab]
CHEAP_HASHES = {"argon2_memory_kib": 8, "argon2_passes": 1}


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeLab]:
    """Make and start labs, on an engine, with a broker of their own; they are ended after the file's tests.

    A `short` one is where there may be sockets: in a directory whose path is short, and which nobody keeps.
    """
    if shutil.which("haproxy") is None:
        pytest.skip("no HAProxy is installed (Debian's package haproxy)")
    if not PROGRAM.exists():
        pytest.skip("no RabbitMQ is installed (Debian's package rabbitmq-server)")
    with ExitStack() as stack:

        def make(*, short: bool = False, **options: Any) -> Lab:
            where = tmp_path_factory.mktemp("lab")
            if short:
                where = Path(stack.enter_context(TemporaryDirectory(prefix="nacre-")))
            options["sections"] = {"identity": CHEAP_HASHES, **options.get("sections", {})}
            made = stack.enter_context(lab.laid_out(where, **options))
            made.bed.start()
            return made

        yield make


@pytest.fixture(scope="module")
def make_bed(
    make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[MakeBed]:
    """Make and start test beds on an engine; they are closed after the file's tests.

    With a `broker` they stand on the loopback, on that and on the session's database server.
    """
    started: list[Bed] = []

    def make(engine: str = "postgresql", *, broker: Broker | None = None, **options: Any) -> Bed:
        if broker is None and "broker_url" not in options:
            return make_lab(engine=engine, **options).bed
        server: Server = request.getfixturevalue(engine)
        if broker is not None:
            options = {"broker_url": broker.url, "realm": broker.new_realm(), **options}
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
