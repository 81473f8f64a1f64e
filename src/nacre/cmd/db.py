"""`nacre db`: the tables of all services: migrate, check, move."""

import sys

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.group()
def db() -> None:
    """Look after the databases of all services."""


@db.command()
@click.option("--expand", is_flag=True, help="Only add what this release needs; older processes may run.")
@click.option("--contract", is_flag=True, help="Only take away what older releases needed.")
@shared_options
def migrate(options: Options, expand: bool, contract: bool) -> None:
    """Bring all tables to this release.

    Without an option it does both halves, as is right while the cloud is down.
    """
    from nacre.cloud.database_migrate import run

    both = expand == contract
    run(options, expand=expand or both, contract=contract or both)


@db.command()
@shared_options
def check(options: Options) -> None:
    """Say whether all databases are as this release expects them.

    Looks at engines and their settings, at tables and at rows that name rows which are not there.  Exit code 1
    says that something is wrong.
    """
    from nacre.cloud.database_check import run

    sys.exit(0 if run(options) else 1)


@db.command()
@click.option(
    "--to",
    required=True,
    metavar="URL",
    help="postgresql://USER:PASSWORD@HOST/nacre_{service} or mysql://…; the databases exist and are empty.",
)
@shared_options
def move(options: Options, to: str) -> None:
    """Move a cloud's state from SQLite to a database server; ids stay.

    The control plane is stopped meanwhile; servers go on.  After an interruption run it again.
    """
    from nacre.cloud.database_move import run

    run(options, to=to)
