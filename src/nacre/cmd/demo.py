"""`nacre demo`: boot a server, log in, show what was seen and how long it took, delete it."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@shared_options
def demo(options: Options) -> None:
    """Boot a server, log in over SSH, delete it.

    Uses the running cloud, and prints what it saw and how long each step took.
    """
    from nacre.cloud.demo import run

    run(options)
