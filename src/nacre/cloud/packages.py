"""The Debian packages that nacre needs, and how it gets them.

Simulated mode needs none.  `missing` says which are not there and `install` installs them; both may be
called at any time and again.  The one Python package that has to be compiled on the spot, libvirt's
binding, is found here too.

A package is installed without its recommendations and without starting its daemons: nacre runs its own
dnsmasq, libvirtd or PostgreSQL, with its own configuration, where it needs one.
"""

import contextlib
import fcntl
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from nacre.kernel.errors import NacreError

Progress = Callable[[str], None]

REAL_MODE = (
    "qemu-system-x86",  # runs the servers
    "qemu-utils",  # makes, converts and exports disks
    "libvirt-daemon",  # keeps the servers running when nacre is away
    "iproute2",  # network namespaces
    "nftables",  # routers, floating IPs, security groups
    "conntrack",  # forgets connections that a security group no longer allows
    "dnsmasq-base",  # DHCP and DNS for the servers
    "genisoimage",  # configuration drives
    "openssh-client",  # `nacre demo` logs in
)

# libvirt publishes its Python binding as source only.
LIBVIRT_BINDING = ("gcc", "libc6-dev", "pkg-config", "libvirt-dev")

TESTS = (
    *REAL_MODE,
    *LIBVIRT_BINDING,
    "mmdebstrap",  # the Debian test image
    "libvirt-clients",  # virsh: what an operator sees of a guest
    "busybox-static",  # a DHCP client for tests of DHCP
    "curl",  # a guest that asks for its metadata
    "iputils-ping",
    "procps",
    "chromium",  # a browser, for what people see in one
    "chromium-driver",
    "postgresql",
    "mariadb-server",
    "rabbitmq-server",
    "haproxy",
)

LOCK = Path("/run/nacre-apt.lock")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "#!/bin/sh\n# May be deleted: nacre starts no daemons while it installs packages in process"


class CannotInstall(NacreError):
    """A package that is needed could not be installed."""

    status = 503


def missing(packages: Iterable[str]) -> list[str]:
    """Return those of `packages` that are not installed, in the same order; all where there is no dpkg."""
    packages = list(packages)
    if shutil.which("dpkg-query") is None:
        return packages
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages]
    listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def cannot_install() -> str | None:
    """Say why packages cannot be installed on this machine; None if they can."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get on this machine"
    if os.geteuid() != 0:
        return "only root may install packages"
    return None


def install(packages: Iterable[str], progress: Progress) -> None:
    """Install what is missing of `packages`, waiting for another apt; may be run again at any time."""
    wanted = missing(packages)
    if not wanted:
        return
    reason = cannot_install()
    if reason:
        raise CannotInstall(f"Missing packages: {' '.join(wanted)}; {reason}.")
    progress(f"installing Debian packages: {' '.join(wanted)}")
    with _one_at_a_time(), no_daemons_started():
        result = _apt_get("install", *wanted)
        if result.returncode:  # the lists may be absent or too old
            _apt_get("update")
            result = _apt_get("install", *wanted)
    if missing(wanted):
        raise CannotInstall(
            f"apt-get could not install {' '.join(missing(wanted))}.", detail=result.stdout.strip()
        )


def unpack(package: str, folder: str, directory: Path) -> None:
    """Have a folder of one package, without what that depends on, as `directory`; nothing is installed.

    Raises CannotInstall.  A kill leaves a directory of another name, and the next call starts anew.
    """
    if shutil.which("apt-get") is None:
        raise CannotInstall(f"Could not fetch the package {package}: there is no apt-get on this machine.")
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as work:
        with _one_at_a_time():
            done = _apt_get("download", package, folder=Path(work))
            if done.returncode:  # the lists may be absent or too old
                _apt_get("update")
                done = _apt_get("download", package, folder=Path(work))
        for archive in Path(work).glob("*.deb"):
            done = subprocess.run(
                ["dpkg-deb", "--extract", archive, work], capture_output=True, text=True, check=False
            )
        unpacked = Path(work) / folder
        if done.returncode or not unpacked.is_dir():
            raise CannotInstall(f"Could not fetch the package {package}.", detail=str(done.stdout).strip())
        shutil.rmtree(directory, ignore_errors=True)
        unpacked.replace(directory)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait while another nacre uses apt: it may be rewriting the lists, or be keeping daemons from starting."""
    if os.geteuid() != 0:  # then lists can only be read
        yield
        return
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt_get(verb: str, *packages: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [
        *("apt-get", "--quiet", "--yes", "--no-install-recommends"),
        *("--option", "DPkg::Lock::Timeout=600", "--option", "Dpkg::Options::=--force-confold"),
        *("--option", "Acquire::Retries=3"),
        *(verb, *packages),
    ]
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "APT_LISTCHANGES_FRONTEND": "none",
        "NEEDRESTART_SUSPEND": "1",
        "LC_ALL": "C",
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def no_daemons_started(policy: Path = POLICY) -> Iterator[None]:
    """Keep packages from starting their daemons meanwhile, by the file that Debian asks (invoke-rc.d(8)).

    The machine's own policy, if there is one, is left alone.  Ours stops refusing when its process is gone,
    so one left behind by a kill changes nothing; the next turn replaces it.
    """
    if _is_left_behind(policy):
        policy.unlink(missing_ok=True)
    try:
        descriptor = os.open(policy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    except FileExistsError:
        yield
        return
    with open(descriptor, "w") as script:
        script.write(f"{POLICY_MARK} {os.getpid()}\nkill -0 {os.getpid()} 2>/dev/null && exit 101\nexit 0\n")
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _is_left_behind(policy: Path) -> bool:
    try:
        text = policy.read_text(errors="replace")
    except FileNotFoundError:
        return False
    if not text.startswith(POLICY_MARK):
        return False
    writer = text.removeprefix(POLICY_MARK).split()[:1]
    return not writer or not Path("/proc", writer[0]).exists()


def add_extra(extra: str, progress: Progress) -> None:
    """Add one of pyproject.toml's extras to the environment that we run in, as the lock file pins it.

    The launcher does it, for it keeps the environment and remembers what is in it.
    """
    launcher = Path(sys.prefix).parent / "nacre"
    if not launcher.is_file():
        raise CannotInstall(
            f"This Python environment lacks nacre's extra {extra!r}.",
            detail=f"{sys.prefix} was not made by nacre's launcher; install nacre[{extra}] in it.",
        )
    progress(f"installing nacre's extra {extra!r}")
    done = subprocess.run(
        [launcher, "--version"],
        env=os.environ | {"NACRE_EXTRAS": extra},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotInstall(f"Could not install nacre's extra {extra!r}.", detail=done.stderr.strip())
    importlib.invalidate_caches()


def ensure_libvirt_binding(progress: Progress) -> None:
    """Make `import libvirt` work, compiling the binding where it is not there yet."""
    if importlib.util.find_spec("libvirt") is not None:
        return
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    install(LIBVIRT_BINDING if headers.exists() else (*LIBVIRT_BINDING, "python3-dev"), progress)
    add_extra("libvirt", progress)
