"""`nacre down`: stop the cloud, and with --purge remove every trace of it."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.option("--purge", is_flag=True, help="Also delete servers, networks, disks and state.")
@shared_options
def down(options: Options, purge: bool) -> None:
    """Stop the cloud; its servers go on.

    With --purge nothing of it remains.
    """
    from nacre.cloud.down import run

    run(options, purge=purge)
