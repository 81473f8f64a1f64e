"""The files of a server: its root disk, ephemeral and swap disks, config drive and console log.

All are in one directory per server, so removing a server is removing a directory::

    servers/<id>/root.qcow2      an overlay: what the guest wrote, on top of the base image
                 ephemeral0.raw  swap.raw
                 config-2.iso
                 console.log     (and console.log.0, what did not fit)
                 files.json      what the above were made from

A file is made under another name and renamed when it is whole, and `files.json` is written after it: after
a death in between the file is made again.
"""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nacre.kernel.errors import BadRequest, Conflict, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.libvirt import config_drive, qemu_img
from nacre.services.compute.agent.drivers.libvirt.images import Base, ImageCache, fault_of

GIB = 1 << 30
MIB = 1 << 20


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a server's files were made from."""

    base: str | None = None  # path of the image below the root disk, or of the ISO that is booted
    root_generation: int = 0
    kernel: str | None = None
    ramdisk: str | None = None
    rescue_base: str | None = None
    config_drive: str | None = None  # fingerprint


@dataclass(frozen=True)
class ServerFiles:
    """Where one server's files are, whether they exist or not."""

    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root.qcow2"

    @property
    def rescue(self) -> Path:
        return self.directory / "rescue.qcow2"

    @property
    def ephemeral(self) -> Path:
        return self.directory / "ephemeral0.raw"

    @property
    def swap(self) -> Path:
        return self.directory / "swap.raw"

    @property
    def config_drive(self) -> Path:
        return self.directory / "config-2.iso"

    @property
    def console_log(self) -> Path:
        return self.directory / "console.log"

    @property
    def record(self) -> Path:
        return self.directory / "files.json"

    def made(self) -> Made:
        """Return what the files were made from; nothing for a server that is new."""
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=Made)
        except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
            return Made()

    def note(self, made: Made) -> None:
        part = self.record.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(made))
        part.rename(self.record)


class Disks:
    """Makes and removes the files of all servers."""

    def __init__(self, directory: Path, images: ImageCache) -> None:
        self.directory, self.images = directory, images

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.images.prepare()

    def files(self, server_id: str) -> ServerFiles:
        """Return where a server's files are."""
        if not server_id or "/" in server_id or server_id.startswith("."):
            raise BadRequest(f"{server_id!r} is not an id of a server.")
        return ServerFiles(self.directory / server_id)

    def ensure(self, spec: rpc.ServerSpec, tell: Callable[[str], None]) -> ServerFiles:
        """Make what is missing or was made from something else.  The server must not run."""
        files = self.files(spec.id)
        files.directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        made = files.made()
        if spec.image is not None:
            made = self._ensure_root(spec, spec.image, files, made, tell)
        made = self._ensure_rescue(spec, files, made, tell)
        if spec.ephemeral_gb and not files.ephemeral.exists():
            _make_raw(
                files.ephemeral,
                spec.ephemeral_gb * GIB,
                "mke2fs",
                "-q",
                "-F",
                "-t",
                "ext4",
                "-L",
                "ephemeral0",
            )
        if spec.swap_mb and not files.swap.exists():
            _make_raw(files.swap, spec.swap_mb * MIB, "mkswap", "--label", "swap")
        if spec.config_drive is not None:
            fingerprint = config_drive.fingerprint(spec.config_drive)
            if made.config_drive != fingerprint or not files.config_drive.exists():
                config_drive.build(files.config_drive, spec.config_drive)
                made = msgspec.structs.replace(made, config_drive=fingerprint)
        files.note(made)
        return files

    def restore_base(self, spec: rpc.ServerSpec, tell: Callable[[str], None]) -> None:
        """Fetch the image below a server's disk again if it is gone; the same bytes, or `Conflict`."""
        files = self.files(spec.id)
        made = files.made()
        if spec.image is None or made.base is None or not files.root.exists():
            return
        lost = Path(made.base)
        if fault_of(lost):
            lost.unlink(missing_ok=True)
            if self.images.get(spec.image, tell).path != lost:
                raise Conflict(
                    f"Image {spec.image.image_id} is not what it was; {lost.name} cannot be restored."
                )

    def remove(self, server_id: str) -> None:
        """Remove all files of a server."""
        directory = self.files(server_id).directory
        if directory.exists():
            shutil.rmtree(directory)

    def sweep(self, unused_seconds: float) -> list[str]:
        """Remove base images that no server stands on."""
        used: set[Path] = set()
        for directory in self.directory.iterdir():
            made = ServerFiles(directory).made()
            used |= {Path(path) for path in (made.base, made.kernel, made.ramdisk, made.rescue_base) if path}
        return self.images.sweep(used, unused_seconds)

    def _ensure_root(
        self,
        spec: rpc.ServerSpec,
        image: rpc.ImageSource,
        files: ServerFiles,
        made: Made,
        tell: Callable[[str], None],
    ) -> Made:
        wanted_bytes = spec.root_gb * GIB
        if files.root.exists() and made.root_generation >= spec.root_generation:
            if wanted_bytes > qemu_img.virtual_bytes(files.root, "qcow2"):
                qemu_img.resize(files.root, "qcow2", wanted_bytes)
            return made
        if made.root_generation >= spec.root_generation:
            raise Conflict(
                f"The disk of server {spec.id} is gone from its host. Rebuilding the server gives it a new one.",
                detail=f"{files.root} does not exist",
            )
        base = self.images.get(image, tell)
        if wanted_bytes and wanted_bytes < base.virtual_bytes and image.disk_format != "iso":
            raise BadRequest(
                f"Image {image.image_id} needs a disk of {-(-base.virtual_bytes // GIB)} GB; "
                f"flavor {spec.flavor_name} has {spec.root_gb} GB."
            )
        kernel = self.images.get(spec.kernel, tell) if spec.kernel else None
        ramdisk = self.images.get(spec.ramdisk, tell) if spec.ramdisk else None
        # The base is noted first: from here on it is in use and is not swept away.
        made = msgspec.structs.replace(
            made,
            base=str(base.path),
            kernel=str(kernel.path) if kernel else None,
            ramdisk=str(ramdisk.path) if ramdisk else None,
        )
        files.note(made)
        if image.disk_format == "iso":  # booted as a CD; the disk is what it may install to
            _overlay(files.root, None, wanted_bytes or GIB)
        else:
            _overlay(files.root, base, max(wanted_bytes, base.virtual_bytes))
        made = msgspec.structs.replace(made, root_generation=spec.root_generation)
        files.note(made)
        return made

    def _ensure_rescue(
        self, spec: rpc.ServerSpec, files: ServerFiles, made: Made, tell: Callable[[str], None]
    ) -> Made:
        if spec.rescue is None:
            files.rescue.unlink(missing_ok=True)
            return msgspec.structs.replace(made, rescue_base=None)
        if files.rescue.exists() and made.rescue_base is not None:
            return made
        base = self.images.get(spec.rescue, tell)
        made = msgspec.structs.replace(made, rescue_base=str(base.path))
        files.note(made)
        _overlay(files.rescue, base, base.virtual_bytes)
        return made


def _overlay(path: Path, base: Base | None, size_bytes: int) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    if base is None:
        qemu_img.create(part, size_bytes)
    else:
        qemu_img.create(part, size_bytes, base=base.path, base_format=base.disk_format)
    part.rename(path)


def _make_raw(path: Path, size_bytes: int, *formatter: str) -> None:
    """Make a sparse file with a file system or the like in it."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.truncate(size_bytes)
    done = subprocess.run(
        [*formatter, str(part)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL": "C"},
    )
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        said = done.stderr.decode(errors="replace").strip()
        raise Unavailable("A disk could not be prepared.", detail=f"{formatter[0]}: {said}")
    part.rename(path)
