"""How a process is told to reach its broker, TLS included."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.bus.bus_notes import PATIENCE, SAY, Echo, Note, echo
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.options import BusOptions
from nacre.kernel.config import ConfigError
from nacre.kernel.testing.authority import Authority
from nacre.kernel.testing.brokers import Broker, running_broker


def test_an_account_may_stand_apart_from_the_url(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("a/b@c\n")
    options = BusOptions(url="amqp://rabbit.example/cloud", user="h.1", password_file=str(secret))
    assert options.urls() == ["amqp://h.1:a%2Fb%40c@rabbit.example/cloud"]


def test_every_host_of_a_cluster_gets_a_url() -> None:
    options = BusOptions(url="amqp://u:p%40@one,two:5673,/%2Fv?heartbeat=5")
    assert options.urls() == ["amqp://u:p%40@one/%2Fv?heartbeat=5", "amqp://u:p%40@two:5673/%2Fv?heartbeat=5"]


@pytest.mark.parametrize("url", ["", "http://rabbit", "rabbit:5672", "amqp://"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        BusOptions(url=url).urls()


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="password_file"):
        BusOptions(url="amqp://rabbit", user="u", password_file="/nowhere").urls()
    with pytest.raises(ConfigError, match="ca, certificate"):
        BusOptions(url="amqps://rabbit", ca="/nowhere").tls()


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """Certificates of a broker and of one process, and an authority that vouches for both."""
    with tempfile.TemporaryDirectory(prefix="certificates-") as name:  # the broker's own user reads them too
        directory = Path(name)
        directory.chmod(0o755)
        authority = Authority(directory)
        authority.issue("process")
        for file in authority.issue("broker"):
            file.chmod(0o644)
        yield directory


@pytest.fixture(scope="module")
def tls_broker(certificates: Path) -> Iterator[Broker]:
    """A broker that speaks with those alone who prove who they are."""
    with running_broker(certificates=certificates) as broker:
        yield broker


def test_a_process_and_its_broker_prove_who_they_are(tls_broker: Broker, certificates: Path) -> None:
    options = BusOptions(
        url=tls_broker.url,
        ca=str(certificates / "ca.pem"),
        certificate=str(certificates / "process.pem"),
        key=str(certificates / "process.key"),
    )
    bus = AmqpBus(options, name="process")
    assert bus.wait_until_connected(PATIENCE)
    bus.serve("compute", {SAY: echo})
    assert bus.call("compute", SAY, Note(text="a"), PATIENCE) == Echo(text="A")
    assert bus.close(PATIENCE)


def test_who_cannot_prove_it_is_not_spoken_with(
    tls_broker: Broker, certificates: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Authority(tmp_path, "impostor").issue("process")
    ours = {
        "ca": str(certificates / "ca.pem"),
        "certificate": str(certificates / "process.pem"),
        "key": str(certificates / "process.key"),
    }
    wrong = [
        {"ca": ours["ca"]},
        {**ours, "ca": str(tmp_path / "ca.pem")},
        {**ours, "certificate": str(tmp_path / "process.pem"), "key": str(tmp_path / "process.key")},
    ]
    for number, options in enumerate(wrong):
        bus = AmqpBus(BusOptions(url=tls_broker.url, **options), name=f"wrong-{number}")
        assert not bus.wait_until_connected(0.5)
        bus.close(PATIENCE)
    refusals = [record for record in caplog.records if "cannot be reached" in record.getMessage()]
    assert len(refusals) == len(wrong)
    assert "CERTIFICATE_VERIFY_FAILED" in refusals[1].getMessage()
