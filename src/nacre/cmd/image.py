"""`nacre image build`: make the bootable test images from Debian packages."""

from pathlib import Path

import click


@click.group()
def image() -> None:
    """Build the bootable test images."""


@image.command()
@click.argument("name", type=click.Choice(["tiny", "debian"]))
@click.option(
    "--to", "directory", type=click.Path(path_type=Path, file_okay=False), help="Directory for the image."
)
def build(name: str, directory: Path | None) -> None:
    """Build an image from the newest Debian packages, unless it is there already; print where it is.

    `tiny` boots in seconds even without KVM.  `debian` is a real Debian 12 with cloud-init.
    """
    from nacre.cloud.guest_images import build_debian, build_tiny, cache_directory

    def progress(line: str) -> None:
        click.echo(f"nacre: {line}", err=True)

    make = build_tiny if name == "tiny" else build_debian
    click.echo(make(directory or cache_directory(), progress))
