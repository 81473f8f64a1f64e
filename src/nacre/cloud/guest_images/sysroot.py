"""A directory with Debian packages unpacked in it: parts for a guest, and tools to build it with.

Nothing is installed on the machine.  apt downloads the packages (as any user, with the signatures checked,
from wherever this machine's sources say), into lists and archives of our own; dpkg-deb unpacks them.  apt is
told that nothing at all is installed, so that it also names every library.

Programs from here are run by the loader and with the libraries from here, so a tool works whatever the
machine has, and `libraries_of` answers for the guest and not for the machine.
"""

import getpass
import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from nacre.kernel.errors import NacreError

TRIPLET = "x86_64-linux-gnu"
LIBRARY_FOLDERS = (f"lib/{TRIPLET}", f"usr/lib/{TRIPLET}", "usr/libexec/sudo")
PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin")


class CannotBuild(NacreError):
    """An image could not be built on this machine."""

    status = 503


def run(command: Sequence[str | Path], **options: object) -> str:
    """Run a command and return its output; CannotBuild, with all it said, if it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **options,  # type: ignore[call-overload]
        )
    except FileNotFoundError as error:
        raise CannotBuild(f"Building a guest image needs the program {command[0]}.") from error
    if done.returncode:
        raise CannotBuild(
            f"Building a guest image failed at {Path(command[0]).name}.",
            detail=f"{shlex.join(map(str, command))}\n{done.stdout.strip()}",
        )
    return str(done.stdout)


class Archive:
    """Debian's packages as this machine's sources offer them, kept apart from the machine's own apt."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for folder in ("lists/partial", "archives/partial", "nothing/partial"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        user = getpass.getuser()
        self._options = [
            f"--option={name}={value}"
            for name, value in {
                "Dir::State::Lists": directory / "lists",
                "Dir::State::Status": directory / "status",
                "Dir::Cache": directory,
                "Dir::Cache::Archives": directory / "archives",
                "Debug::NoLocking": "1",
                "Acquire::Retries": "3",
                "APT::Sandbox::User": user,  # apt's own user cannot reach a directory in someone's home
            }.items()
        ]

    def update(self) -> None:
        """Learn which packages there are."""
        self._apt_get("update")

    def closure(self, packages: Iterable[str]) -> list[str]:
        """Return the file names, with versions, of `packages` and all that they depend on."""
        # apt names only what it would fetch: for it to name all, nothing must be fetched yet.
        nothing_yet = f"--option=Dir::Cache::Archives={self._directory / 'nothing'}"
        listing = self._apt_get("install", nothing_yet, "--print-uris", "--no-install-recommends", *packages)
        return sorted(line.split()[1] for line in listing.splitlines() if line.startswith("'"))

    def single(self, package: str) -> str:
        """Return the file name, with version, of one package."""
        return self._apt_get("download", "--print-uris", package).split()[1]

    def newest(self, metapackage: str, prefix: str) -> str:
        """Return the package whose name begins with `prefix` that `metapackage` stands for today."""
        told = run(["apt-cache", *self._options, "depends", metapackage])
        for line in told.splitlines():
            _, depends, name = line.partition("Depends: ")
            if depends and name.startswith(prefix):
                return name
        raise CannotBuild(f"Debian's package {metapackage} names no {prefix}…", detail=told)

    def debian_sources(self) -> tuple[str, list[str]]:
        """Return the machine's release of Debian, and where it has its packages from, in apt's words."""
        form = "--format=$(ORIGIN)|$(CODENAME)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
        listing = run(["apt-get", *self._options, "indextargets", form, "Created-By: Packages"])
        targets = [line.split("|") for line in sorted(set(listing.splitlines()))]
        codenames = [codename for origin, codename, _ in targets if origin == "Debian"]
        if not codenames:
            raise CannotBuild("This machine has no sources of Debian packages.", detail=listing)
        # bookworm, rather than bookworm-updates
        return min(codenames, key=len), [source for origin, _, source in targets if origin == "Debian"]

    def proxies(self) -> list[str]:
        """Return the options by which this machine's apt reaches the network."""
        settings = run(["apt-config", "dump", "--no-empty"]).splitlines()
        return [line.rstrip(";") for line in settings if re.match("acquire::https?::.*proxy", line, re.I)]

    def download(self, packages: Sequence[str], alone: Sequence[str] = ()) -> list[Path]:
        """Fetch `packages` with all they depend on, and those of `alone` without."""
        folder = self._directory / "archives"
        self._apt_get("install", "--yes", "--download-only", "--no-install-recommends", *packages)
        if alone:
            self._apt_get("download", *alone, cwd=folder)
        needed = {*self.closure(packages), *(self.single(package) for package in alone)}
        for old in folder.glob("*.deb"):
            if old.name not in needed:
                old.unlink()
        return [folder / name for name in sorted(needed)]

    def _apt_get(self, verb: str, *arguments: str, cwd: Path | None = None) -> str:
        # LC_ALL: the output is read by `closure`.
        environment = os.environ | {"LC_ALL": "C"}
        return run(["apt-get", "-qq", *self._options, verb, *arguments], cwd=cwd, env=environment)


class Sysroot:
    """The unpacked packages."""

    def __init__(self, directory: Path, packages: Iterable[Path]) -> None:
        self.directory = directory
        for package in packages:
            run(["dpkg-deb", "--extract", package, directory])
        self._loader = directory / "lib" / TRIPLET / "ld-linux-x86-64.so.2"
        self._library_path = ":".join(str(directory / folder) for folder in LIBRARY_FOLDERS)
        self._tools = directory / "tools"
        self._tools.mkdir()

    def program(self, name: str) -> Path:
        """Return where a program of the packages is."""
        for folder in PROGRAM_FOLDERS:
            path = self.directory / folder / name
            if path.exists() or path.is_symlink():
                return path
        raise CannotBuild(f"None of the downloaded packages has the program {name}.")

    def libraries_of(self, binary: Path) -> list[Path]:
        """Return the shared libraries that a program or library needs, all from the packages."""
        listing = run([self._loader, "--library-path", self._library_path, "--list", binary])
        found = (line.partition("=> ")[2].split(" (")[0] for line in listing.splitlines())
        return [Path(path) for path in found if path.startswith(str(self.directory))]

    def tool(self, name: str, *arguments: str | Path, as_root: bool = False) -> str:
        """Run one of the programs here, which may itself run others from here.

        With `as_root`, what belongs to us belongs to root for the program: in a user namespace, if need be.
        """
        environment = os.environ | {
            "PATH": f"{self._tools}:{os.environ.get('PATH', os.defpath)}",
            "MKE2FS_CONFIG": str(self.directory / "etc" / "mke2fs.conf"),
            "LC_ALL": "C",
        }
        pretend = ["unshare", "--map-root-user"] if as_root and os.geteuid() != 0 else []
        return run([*pretend, self._tools / name, *arguments], env=environment)

    def offer_tools(self, *names: str) -> None:
        """Make programs runnable by `tool`, and by each other under their names."""
        for name in names:
            # mtools is one program under many names, so the name must reach it.
            program = self.program(name).resolve()
            start = [self._loader, "--library-path", self._library_path, "--argv0", name, program]
            wrapper = self._tools / name
            wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, start))} "$@"\n')
            wrapper.chmod(0o755)


def fingerprint(*parts: str | bytes) -> str:
    """Return eight characters that differ when any of `parts` does."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:8]
