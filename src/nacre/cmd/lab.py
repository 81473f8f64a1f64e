"""`nacre lab`: a cloud of several machines on this one, to see and to break."""

from pathlib import Path

import click

STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/tmp/nacre-lab"),
    show_default=True,
    help="A directory for it; what is there is replaced, and removed in the end.",
)


@click.group()
def lab() -> None:
    """Run control nodes, hosts, a proxy, a database and a broker on this machine."""


@lab.command()
@click.option("--control", type=click.IntRange(1, 5), default=2, show_default=True, help="Control nodes.")
@click.option("--hosts", type=click.IntRange(0, 20), default=3, show_default=True, help="Hosts.")
@click.option(
    "--database", type=click.Choice(["postgresql", "mariadb"]), default="postgresql", show_default=True
)
@click.option("--real", is_flag=True, help="Hosts run real servers and networks; needs root.")
@click.option("--tls", is_flag=True, help="APIs and the broker speak TLS, by an authority of the lab's own.")
@STATE
def up(control: int, hosts: int, database: str, real: bool, tls: bool, state: Path) -> None:
    """Start the lab, say how to use it, and end it at Ctrl-C."""
    from nacre.cloud.lab.run import up as start

    start(state.absolute(), control=control, hosts=hosts, engine=database, real=real, tls=tls)


@lab.command()
@STATE
def down(state: Path) -> None:
    """End a lab that was started elsewhere, or clear away what a killed one left."""
    from nacre.cloud.lab.run import down as end

    end(state.absolute())


@lab.command()
@click.argument("machine")
@STATE
def cut(machine: str, state: Path) -> None:
    """Cut a machine off: its cables are pulled, what runs on it goes on."""
    from nacre.cloud.lab.run import cut as pull

    pull(state.absolute(), machine)


@lab.command()
@click.argument("machine")
@STATE
def mend(machine: str, state: Path) -> None:
    """Connect a machine again that was cut off."""
    from nacre.cloud.lab.run import mend as plug

    plug(state.absolute(), machine)
