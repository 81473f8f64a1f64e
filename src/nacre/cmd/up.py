"""`nacre up`: set everything up and start the cloud."""

from dataclasses import replace

import click

from nacre.cloud.options import Mode, Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.option("--detach", is_flag=True, help="Return once the cloud answers; it goes on in the background.")
@click.option("--simulated", "mode", flag_value=Mode.SIMULATED, help="Model servers, networks, disks.")
@click.option("--real", "mode", flag_value=Mode.REAL, help="Say what is missing rather than model.")
@shared_options
def up(options: Options, detach: bool, mode: str | None) -> None:
    """Set everything up and start the cloud.

    Real where that can be (Linux, root), else simulated.  Starting again continues the same cloud.
    Ctrl-C stops the control plane and never the servers.
    """
    from nacre.cloud.up import run

    run(replace(options, detach=detach, mode=Mode(mode or Mode.AUTO)))
