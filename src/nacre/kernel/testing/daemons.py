"""Daemons of Debian's that tests start for themselves: a directory of their own, an account, an end by pid."""

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

LOWEST_PORT = 10240  # of those that tests use: above what services of the machine usually have


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
    """Return ports of the loopback that nobody uses, and that no other test is given while this process lives.

    They are below those that the kernel hands out by itself: such a port can be the near end of anybody's
    connection by the time that a daemon wants it.
    """
    first_by_itself = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(LOWEST_PORT, max(first_by_itself, LOWEST_PORT + 1000))
        if _claim(port) and _is_free(port):
            found.append(port)
    return found


def _claim(port: int) -> bool:
    """Take a port for this process, by a name that only one process at a time can have."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0nacre test port {port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # open as long as the process lives
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _account_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
