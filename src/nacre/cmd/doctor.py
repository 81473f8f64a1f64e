"""`nacre doctor`: find drift, list what was healed and what is left, heal one thing on command."""

import sys

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.option("--last", is_flag=True, help="List what is known already, without looking again.")
@click.option("--thorough", is_flag=True, help="Look at every byte of every image too; takes long.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known, as JSON.")
@click.option("--heal", nargs=2, metavar="KIND ID", help="Heal one thing that was left.")
@click.option("--host", help="With --heal: only what was found on this host.")
@shared_options
def doctor(
    options: Options,
    *,
    last: bool,
    thorough: bool,
    as_json: bool,
    heal: tuple[str, str] | None,
    host: str | None,
) -> None:
    """Look where what is and what should be have come apart.

    What cannot hurt is healed. What is left is listed by kind with the command that heals it; then the exit code
    is 1.
    """
    from nacre.cloud import doctor as practice

    if heal:
        practice.heal(options, *heal, host)
    elif not practice.run(options, look=not last, thorough=thorough, as_json=as_json):
        sys.exit(1)
