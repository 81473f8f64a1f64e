"""A real Debian 12 with a real cloud-init."""

from pathlib import Path

from nacre.cloud.guest_images.sysroot import Archive, Sysroot


def wanted(archive: Archive) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (), ()


def build(sysroot: Sysroot, workshop: Path, target: Path) -> None:
    pass
