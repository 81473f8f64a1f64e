"""`nacre deploy`: what the operator of a cloud of several machines needs besides starting it."""

import sys
from pathlib import Path

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.group()
def deploy() -> None:
    """Set up a cloud of several machines, and find what is wrong with it."""


@deploy.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def key(path: Path) -> None:
    """Make the secret that all control nodes share, in a new file."""
    from nacre.cloud.deploy.commands import make_key

    make_key(path)


@deploy.command()
@shared_options
def haproxy(options: Options) -> None:
    """Print the configuration of HAProxy in front of the control nodes."""
    from nacre.cloud.deploy.commands import print_haproxy

    print_haproxy(options)


@deploy.command()
@shared_options
def credentials(options: Options) -> None:
    """Write how the administrator logs in, and say where."""
    from nacre.cloud.deploy.commands import write_credentials

    write_credentials(options)


@deploy.command()
@shared_options
def check(options: Options) -> None:
    """Say what is wrong with a cloud of several machines, and what mends it.

    On a control node.  Exit code 1 if anything is.
    """
    from nacre.cloud.deploy.check import run

    sys.exit(0 if run(options) else 1)
