"""Bootable guest images, built here from Debian packages: nothing is downloaded ready-made.

`tiny` boots in seconds even where the processor is emulated, and is what nearly every test and the demo
use.  `debian` is a real Debian with a real cloud-init, for those questions that only it can answer.

An image is named after its recipe (our own files) and its ingredients (the versions of the packages):
`tiny-1b2c3d4e-5f60718a.qcow2`.  One that is there already is not built again, and one that is half built
has another name.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from nacre.cloud import packages
from nacre.cloud.guest_images import debian, disk, tiny
from nacre.cloud.guest_images.sysroot import Archive, CannotBuild, Sysroot, fingerprint
from nacre.cloud.packages import Progress

__all__ = ["CannotBuild", "build_debian", "build_tiny", "cache_directory", "ensure_debian", "ensure_tiny"]


def cache_directory() -> Path:
    """Return where images are kept between clouds, and between test runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "nacre" / "images"


def ensure_tiny(directory: Path, progress: Progress) -> Path:
    """Return a tiny image that today's recipe made, whatever its packages' versions; build if need be."""
    return _find("tiny", tiny, directory) or build_tiny(directory, progress)


def ensure_debian(directory: Path, progress: Progress) -> Path:
    """Return a Debian image that today's recipe made, whatever its packages' versions; build if need be."""
    return _find("debian", debian, directory) or build_debian(directory, progress)


def build_tiny(directory: Path, progress: Progress) -> Path:
    """Build the tiny image from today's packages, unless it is there; return where it is.

    Needs neither root nor anything installed but apt and qemu-utils.  About ten seconds.
    """
    return _build("tiny", tiny, directory, progress)


def build_debian(directory: Path, progress: Progress) -> Path:
    """Build the Debian image from today's packages, unless it is there; return where it is.

    Needs root; installs mmdebstrap.  About a minute.
    """
    return _build("debian", debian, directory, progress)


def _find(name: str, recipe: ModuleType, directory: Path) -> Path | None:
    found = directory.glob(f"{name}-{_recipe_version(recipe)}-*.qcow2")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _build(name: str, recipe: ModuleType, directory: Path, progress: Progress) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory / f".{name}.lock"):
        packages.install(recipe.MACHINE_PACKAGES, progress)
        archive = Archive(directory / "packages" / name)
        archive.update()
        ingredients = recipe.ingredients(archive)
        image = directory / f"{name}-{_recipe_version(recipe)}-{fingerprint(*sorted(ingredients))}.qcow2"
        if image.exists():
            return image
        progress(f"building the guest image {image.name} from {len(ingredients)} Debian packages")
        with _workshop(directory, name) as workshop:
            sysroot = Sysroot(workshop / "sysroot", recipe.fetch(archive))
            sysroot.offer_tools(*disk.TOOLS)
            results = workshop / "results"
            results.mkdir()
            recipe.build(sysroot, archive, workshop, results / image.name)
            # The image last, for where it is everything is.
            for result in sorted(results.iterdir(), key=lambda path: path.suffix == image.suffix):
                result.rename(directory / result.name)
        return image


def _recipe_version(recipe: ModuleType) -> str:
    """Fingerprint everything of ours that an image depends on."""
    assert recipe.__file__
    files = sorted(path for path in Path(recipe.__file__).parent.rglob("*") if path.suffix != ".pyc")
    code = sorted(Path(__file__).parent.glob("*.py"))
    return fingerprint(*(path.read_bytes() for path in [*files, *code] if path.is_file()))


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process builds the same image."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _workshop(directory: Path, name: str) -> Iterator[Path]:
    """A directory to build in, on the same file system; what a killed build left is cleared away."""
    for abandoned in directory.glob(f".{name}-build-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{name}-build-", dir=directory))
    try:
        yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
