"""`nacre test`: set up what the tests need and run every check; what CI runs."""

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run every check of this checkout, and all tests.

    Linters, types, layers, shape of the services, then pytest.

    With ARGS, run pytest alone, with them (`nacre test tests/kernel -k bus`).
    """
    from nacre.cloud.checks import run

    sys.exit(run(arguments))
