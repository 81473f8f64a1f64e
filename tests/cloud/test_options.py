"""What the command line may say about a cloud, and how it is handed on."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nacre.cloud.options import Options, Ports, default_state
from nacre.cmd import nacre
from nacre.cmd.shared_options import shared_options


@pytest.mark.parametrize(
    ("text", "compute", "front"),
    [("standard", 8774, 8999), ("offset:20000", 28774, 28999), ("single:443", None, 443)],
)
def test_ports(text: str, compute: int | None, front: int) -> None:
    ports = Ports.parse(text)
    assert (ports.of(8774), ports.front(8999), str(ports)) == (compute, front, text)


@pytest.mark.parametrize(
    "text", ["", "8080", "offset", "offset:", "offset:0", "offset:-1", "single:65536", "single:x"]
)
def test_wrong_ports_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="offset:N|between 1 and 65535"):
        Ports.parse(text)


def test_an_offset_may_be_too_large_for_some_service() -> None:
    with pytest.raises(ValueError, match="beyond 65535"):
        Ports.parse("offset:60000").of(8774)


def read(*arguments: str) -> Options:
    """Return what a command is given when `arguments` are on its command line."""
    seen: list[Options] = []

    @click.command()
    @shared_options
    def command(options: Options) -> None:
        seen.append(options)

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return seen[0]


def test_silence_leaves_all_to_the_configuration() -> None:
    assert read() == Options(state=default_state())


def test_everything_said_is_handed_on(tmp_path: Path) -> None:
    config = tmp_path / "nacre.toml"
    config.touch()
    arguments = ("--state", str(tmp_path), "--config", str(config), "--listen", "::1", "--ports", "offset:7")
    assert read(*arguments) == Options(state=tmp_path, config=config, listen="::1", ports=Ports(offset=7))


def test_a_relative_state_directory_is_made_absolute() -> None:
    assert read("--state", "here").state == Path.cwd() / "here"


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--listen", "example.org"),
        ("up", "--ports", "all"),
        ("up", "--config", "/nonexistent.toml"),
        ("up", "--imaginary"),
        ("look", "server"),
        ("serve",),
        ("image", "build", "windows"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(nacre, arguments)
    assert result.exit_code == 2
    assert "Error" in result.output


@pytest.mark.parametrize("name", sorted(nacre.commands))
def test_every_command_says_what_it_is_for(name: str) -> None:
    result = CliRunner().invoke(nacre, [name, "--help"])
    assert result.exit_code == 0
    assert nacre.commands[name].help
