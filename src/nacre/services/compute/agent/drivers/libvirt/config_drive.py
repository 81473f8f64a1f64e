"""Build a config drive: the small read-only disk from which a guest learns who it is.

It is an ISO 9660 file system with the label ``config-2``, which is how cloud-init finds it.  Building needs
no mount and no root.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nacre.kernel.errors import BadRequest, Unavailable

LABEL = "config-2"
BUILDERS = ("genisoimage", "mkisofs", "xorrisofs")
BUILD_SECONDS = 30.0


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Return a value that is another one when any file is another one."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name)} {name} {len(files[name])} ".encode())
        digest.update(files[name])
    return digest.hexdigest()


def build(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the drive to a file, readable by its owner only; an older one is replaced at once or not at
    all."""
    builder = next((name for name in BUILDERS if shutil.which(name)), None)
    if builder is None:
        raise Unavailable(
            "No program that builds ISO images is installed on this host.", detail=str(BUILDERS)
        )
    part = target.with_name(target.name + ".part")
    with tempfile.TemporaryDirectory(prefix="config-drive-", dir=target.parent) as folder:
        _lay_out(Path(folder), files)
        command = [builder, "-quiet", "-o", str(part), "-V", LABEL, "-J", "-R", "-l", "-ldots"]
        command += ["-allow-lowercase", "-allow-multidot", "-publisher", "nacre", folder]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=BUILD_SECONDS, check=False
        )
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        raise Unavailable(
            "The config drive could not be built.", detail=done.stderr.decode(errors="replace").strip()
        )
    part.chmod(0o600)
    os.replace(part, target)


def _lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
            raise BadRequest(f"{name!r} cannot be a file on a config drive.")
        file = folder.joinpath(*path.parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
