"""The sections of agents and drivers: a key that nobody knows stops the start."""

import pytest

from nacre.cloud.agents import _options, _own_address
from nacre.kernel.config import ConfigError, ConfigFile
from nacre.services.compute.agent.options import AgentOptions


def read(**values: object) -> AgentOptions:
    return _options(ConfigFile({"compute_agent": values}), "compute_agent", AgentOptions)


def test_a_known_key_is_taken() -> None:
    assert read(workers=3) == AgentOptions(workers=3)


@pytest.mark.parametrize(("key", "value"), [("worker", 3), ("workers", "many")])
def test_unknown_keys_and_wrong_types_are_refused_by_section(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"\[compute_agent\]"):
        read(**{key: value})


@pytest.mark.parametrize(
    ("sections", "address"),
    [
        ({"linux": {"tunnel_ip": "198.51.100.7"}, "bus": {"url": "amqp://127.0.0.1"}}, "198.51.100.7"),
        ({"bus": {"url": "amqp://u:p@127.0.0.1:5672"}}, "127.0.0.1"),
        ({"bus": {"url": "amqp://no.such.name.invalid,127.0.0.1"}}, "127.0.0.1"),
        ({}, "127.0.0.1"),
    ],
)
def test_other_hosts_reach_this_one_by_its_tunnels_or_as_the_broker_does(sections, address) -> None:
    assert _own_address(ConfigFile(sections)) == address
