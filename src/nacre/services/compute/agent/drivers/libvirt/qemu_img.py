"""Call ``qemu-img``, and read the little of a qcow2 header that decides whether a file may be trusted.

No format is ever guessed: every call names it.  Calls that read a file from outside run with bounded time and
memory, for such a file may be made to cost both.
"""

import json
import struct
import subprocess
from pathlib import Path

from nacre.kernel.errors import BadReference, Unavailable

QCOW2_MAGIC = b"QFI\xfb"
EXTERNAL_DATA_FILE = 1 << 2  # an incompatible feature
LIMITS = ("prlimit", "--cpu=30", f"--as={4 << 30}", "--")
GIB = 1 << 30


def run(*arguments: str, limited: bool = False, timeout_seconds: float | None = 60.0) -> bytes:
    """Run ``qemu-img`` and return what it prints."""
    command = [*(LIMITS if limited else ()), "qemu-img", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, check=False
        )
    except FileNotFoundError as error:
        raise Unavailable("qemu-img is not installed on this host.") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable("A disk could not be prepared in time.", detail=str(error)) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise Unavailable("A disk could not be prepared.", detail=f"qemu-img {arguments[0]}: {said}")
    return done.stdout


def refuse_references(path: Path, image_id: str) -> None:
    """Raise `BadReference` unless this is a qcow2 that stands alone."""
    with path.open("rb") as file:
        header = file.read(104)
    if len(header) < 72 or header[:4] != QCOW2_MAGIC:
        raise BadReference(f"Image {image_id} says that it is qcow2, and is not.")
    version, backing_offset = struct.unpack(">IQ", header[4:16])
    if version not in (2, 3):
        raise BadReference(f"Image {image_id} is qcow2 of the unknown version {version}.")
    if backing_offset:
        raise BadReference(f"Image {image_id} stands on a backing file, which is not allowed.")
    if version == 3 and struct.unpack(">Q", header[72:80])[0] & EXTERNAL_DATA_FILE:
        raise BadReference(f"Image {image_id} keeps its data in another file, which is not allowed.")


def virtual_bytes(path: Path, disk_format: str) -> int:
    """Return the size of the disk that a file holds."""
    said = run("info", "--output=json", "-U", "-f", disk_format, str(path), limited=True)
    return int(json.loads(said)["virtual-size"])


def create(path: Path, size_bytes: int, *, base: Path | None = None, base_format: str = "") -> None:
    """Make a qcow2 file, on top of a base or empty."""
    arguments = ["create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on"]
    if base is not None:
        arguments += ["-F", base_format, "-b", str(base)]
    run(*arguments, str(path), str(size_bytes))


def put_on(path: Path, base: Path | None) -> None:
    """Have a qcow2 file that came from elsewhere stand on this base, whatever it says that it stands on.

    The base holds the same bytes as the one that it stood on.  Nothing that the file names is opened.
    """
    with path.open("rb") as file:
        header = file.read(104)
    if len(header) < 72 or header[:4] != QCOW2_MAGIC:
        raise BadReference("What arrived is not a qcow2 disk.")
    (version,) = struct.unpack(">I", header[4:8])
    if version == 3 and struct.unpack(">Q", header[72:80])[0] & EXTERNAL_DATA_FILE:
        raise BadReference("The disk that arrived keeps its data in another file, which is not allowed.")
    target = ["-F", base.suffix.lstrip("."), "-b", str(base)] if base is not None else ["-b", ""]
    run("rebase", "-q", "-u", "-f", "qcow2", *target, str(path))


def resize(path: Path, disk_format: str, size_bytes: int) -> None:
    """Make a disk larger that nobody uses."""
    run("resize", "-q", "-f", disk_format, str(path), str(size_bytes))


def copy_flat(source: Path, source_format: str, target: Path, target_format: str) -> None:
    """Write a disk with all that it stands on into one file."""
    arguments = ["-q", "-U", "-f", source_format, "-O", target_format, str(source), str(target)]
    run("convert", *arguments, timeout_seconds=None)
