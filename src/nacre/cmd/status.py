"""`nacre status`: which services and agents of this cloud run."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@shared_options
def status(options: Options) -> None:
    """Say what runs, where it answers, and in which mode."""
    from nacre.cloud.status import run

    run(options)
