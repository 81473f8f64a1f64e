"""`nacre look`: what each background job last did and why it waits; or the whole story of one thing."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.command()
@click.argument("kind", required=False)
@click.argument("identifier", metavar="ID", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print data rather than text.")
@shared_options
def look(options: Options, kind: str | None, identifier: str | None, as_json: bool) -> None:
    """Show what background jobs did and why they wait.

    With KIND and ID (`nacre look server ID`), tell the story of one thing: requests, placement, jobs, faults.
    """
    if kind and not identifier:
        raise click.UsageError(f"which {kind}? Give its ID too.")
    from nacre.cloud.look import run

    run(options, kind=kind, identifier=identifier, as_json=as_json)
