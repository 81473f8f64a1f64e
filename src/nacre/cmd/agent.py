"""`nacre agent`: one agent of this host as a process of its own."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.argument("kind", metavar="compute|network")
@click.option("--host", help="Name under which this host is known.  [default: the host name]")
@shared_options
def agent(options: Options, kind: str, host: str | None) -> None:
    """Run one agent of this host on the broker that the configuration names."""
    from nacre.cloud.agent import run

    run(options, kind=kind, host=host)
