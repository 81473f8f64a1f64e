"""`nacre agent`: this machine's agents, each as a process of its own, and how a machine becomes a host."""

import click

from nacre.cloud.options import Options
from nacre.cmd.shared_options import shared_options


@click.group()
def agent() -> None:
    """Run an agent of this host, or let a machine join the cloud as a host."""


@agent.command()
@click.option("--host", help="Name under which this host is known.  [default: the host name]")
@shared_options
def compute(options: Options, host: str | None) -> None:
    """Run the agent that keeps servers, on the broker that the configuration names."""
    from nacre.cloud.agent import run

    run(options, kind="compute", host=host)


@agent.command()
@click.option("--host", help="Name under which this host is known.  [default: the host name]")
@shared_options
def network(options: Options, host: str | None) -> None:
    """Run the agent that makes networks, on the broker that the configuration names."""
    from nacre.cloud.agent import run

    run(options, kind="network", host=host)


@agent.command()
@click.option("--host", required=True, help="Name under which the host will be known.")
@click.option("--minutes", default=60, show_default=True, help="How long the token is good.")
@shared_options
def token(options: Options, host: str, minutes: int) -> None:
    """Make a token by which one machine may join, once.  Say this on a control node."""
    from nacre.cloud.joining import make_token

    make_token(options, host=host, minutes=minutes)


@agent.command()
@click.argument("token")
@click.option("--insecure", is_flag=True, help="Also where the cloud is reached without TLS.")
@shared_options
def join(options: Options, token: str, insecure: bool) -> None:
    """Make this machine a host of the cloud that the token is from."""
    from nacre.cloud.joining import join as join_cloud

    join_cloud(options, token, insecure=insecure)


@agent.command(name="list")
@shared_options
def list_(options: Options) -> None:
    """List the hosts that joined."""
    from nacre.cloud.joining import list_hosts

    list_hosts(options)


@agent.command()
@click.argument("host")
@shared_options
def remove(options: Options, host: str) -> None:
    """Take back a host's account on the broker."""
    from nacre.cloud.joining import remove_host

    remove_host(options, host=host)
