"""The command line: `nacre up`, `nacre demo`, `nacre test` and the rest.

Here arguments are read and nothing else happens.  Each command imports what it runs only when it runs,
so that `nacre --help` is instant and `nacre look` does not load what only `nacre up` needs.
"""

import sys

import click

from nacre.cmd import agent, db, demo, deploy, doctor, down, image, lab, look, serve, status, test, up
from nacre.kernel.config import ConfigError
from nacre.kernel.errors import NacreError

NEVER_MIND = 130  # what shells report for a program ended by Ctrl-C


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nacre", message="nacre %(version)s")
def nacre() -> None:
    """A cloud operating system in one package, behind OpenStack's own APIs.

    `nacre up` starts a cloud and says how to use it.
    """


for command in (
    up.up,
    down.down,
    demo.demo,
    status.status,
    look.look,
    doctor.doctor,
    serve.serve,
    agent.agent,
    deploy.deploy,
    lab.lab,
    db.db,
    image.image,
    test.test,
):
    nacre.add_command(command)


def main() -> None:
    """Run the command that the arguments name; a refusal is one line and exit code 1."""
    try:
        nacre(prog_name="nacre", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(NEVER_MIND)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        click.echo(f"nacre: {error}", err=True)
        sys.exit(1)
    except NacreError as error:
        click.echo(f"nacre: {error.message}", err=True)
        if error.detail:
            click.echo(error.detail, err=True)
        sys.exit(1)
