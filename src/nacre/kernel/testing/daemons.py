"""Daemons of Debian's that tests start for themselves: a directory of their own, an account, an end by pid."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_directory(user: str) -> Iterator[tuple[Path, str | None]]:
    """Make a directory for a daemon, and tell as whom it must run (most refuse to run as root)."""
    directory = Path(tempfile.mkdtemp(prefix="nacre-"))  # short, because a socket's path is bounded
    account: str | None = None
    if os.getuid() == 0:
        account = user if _account_exists(user) else "nobody"
        shutil.chown(directory, account)
    try:
        yield directory, account
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str], directory: Path, user: str | None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon in its directory, with its output in the file `log` there."""
    process = start(command, directory, user, env)
    try:
        yield process
    finally:
        end(process)


def start(
    command: Sequence[str], directory: Path, user: str | None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a daemon that `end` ends."""
    with (directory / "log").open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            cwd=directory,
            env=env,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a daemon at once; nothing in it is worth more ceremony."""
    process.kill()
    process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _account_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
