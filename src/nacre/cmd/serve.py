"""`nacre serve`: one or more services as a process of their own."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.argument("services", metavar="SERVICE...", nargs=-1, required=True)
@shared_options
def serve(options: Options, services: tuple[str, ...]) -> None:
    """Run some services as a process of their own.

    SERVICE is identity, compute, network and so on.
    """
    from nacre.cloud.serve import run

    run(options, services=services)
