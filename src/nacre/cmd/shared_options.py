"""The options that every command shares: which cloud is meant, and where it listens."""

import functools
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nacre.cloud.options import Options, Ports, default_state


class PortsType(click.ParamType[Ports]):
    """`standard`, `offset:N` or `single:PORT`."""

    name = "ports"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ports:
        """Read the text; a wrong one is refused with what would be right."""
        if isinstance(value, Ports):
            return value
        try:
            return Ports.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AddressType(click.ParamType[str]):
    """An IPv4 or IPv6 address."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Bring the address to its usual spelling; names are refused, for they may mean many."""
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            self.fail(f"{value!r} is not an IP address", param, ctx)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the shared options, handed to it as one `Options`, its first argument."""

    @click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        help="Everything of this cloud.  [default: ~/.local/share/nacre; for root /var/lib/nacre]",
    )
    @click.option(
        "--config",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="TOML file; every key is optional.",
    )
    @click.option("--listen", type=AddressType(), help="Address to serve on.  [default: 127.0.0.1]")
    @click.option(
        "--ports",
        type=PortsType(),
        metavar="standard|offset:N|single:PORT",
        help="Usual ports, the usual ports plus N, or all on one.  [default: standard]",
    )
    @functools.wraps(command)
    def with_options(*args: Any, state: Path | None, config: Path | None, **rest: Any) -> Any:
        options = Options(
            state=(state or default_state()).expanduser().absolute(),
            config=config and config.absolute(),
            listen=rest.pop("listen"),
            ports=rest.pop("ports"),
        )
        return command(options, *args, **rest)

    return with_options
