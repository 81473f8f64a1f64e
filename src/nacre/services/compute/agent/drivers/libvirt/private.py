"""A libvirtd and a virtlogd of nacre's own, which live apart from whatever libvirt the machine has.

libvirt's directories are compiled in (/etc/libvirt, /run/libvirt, /var/lib/libvirt ...).  So each daemon is
started in a mount namespace in which these are directories of ours (`enclosure`).  Seen from outside,
everything is below one directory::

    etc/ lib/ log/ cache/      what libvirt keeps (definitions, saved memory, logs, probed capabilities)
    run/                       sockets and pid files; emptied when the machine was restarted

Guests are children of libvirtd only in name: they go on when it dies.  A new libvirtd, in a new mount
namespace with the same directories, finds them by the files in ``run/``.  Operators reach it with ``virsh
-c 'qemu+unix:///system?socket=<directory>/run/libvirt-sock'``.
"""

import contextlib
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from nacre.kernel.errors import Unavailable
from nacre.services.compute.agent.drivers.libvirt import cgroups, enclosure
from nacre.services.compute.agent.drivers.libvirt.options import LibvirtOptions

log = logging.getLogger(__name__)

PLACES = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
    "run": "/run/libvirt",
}
#: libvirtd looks up the user and group that Debian built it for before it reads which ones it shall use.
#: They come with a package that nacre has no other use for, so its own view of the names has them.
BUILT_FOR = "libvirt-qemu"
NAMES = {
    "/etc/passwd": f"{BUILT_FOR}:x:64055:64055::/nonexistent:/usr/sbin/nologin",
    "/etc/group": f"{BUILT_FOR}:x:64055:",
}
KVM = Path("/dev/kvm")
DAEMONS = ("virtlogd", "libvirtd")  # in the order in which they must start
START_SECONDS = 30.0
END_SECONDS = 10.0
SOCKET_PATH_LIMIT = 107  # sun_path


class PrivateLibvirt:
    """The pair of daemons below one directory.  Starting what runs already does nothing."""

    def __init__(self, directory: Path, options: LibvirtOptions, boot_id: str) -> None:
        self.directory = directory
        self.socket = directory / "run" / "libvirt-sock"
        self.hides_kvm = False
        """Whether daemons that are started from now on find no KVM; it may hang where it does not work."""
        self._options = options
        self._boot_id = boot_id

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.socket}"

    def start(self) -> None:
        """See that both daemons run and answer."""
        self._prepare()
        for daemon in DAEMONS:
            if self.pid(daemon) is None:
                self._launch(daemon)

    def stop(self) -> None:
        """End both daemons.  Guests that run go on, and are found again by the next start."""
        for daemon in reversed(DAEMONS):
            if (pid := self.pid(daemon)) is not None:
                _end(pid, signal.SIGTERM, signal.SIGKILL)

    def guests(self) -> dict[str, int]:
        """Return the guests that run here and their process ids, whether libvirtd runs or not."""
        found = {}
        for file in (self.directory / "run" / "qemu").glob("server-*.pid"):
            with contextlib.suppress(OSError, ValueError):
                pid = int(file.read_text())
                if f"guest={file.stem}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found[file.stem] = pid
        return found

    def end_everything(self) -> None:
        """Pull the plug of all guests and daemons; only for a host that is to be empty.

        Processes are found by the directories that they live in, not only by pid files: a daemon that is just
        starting has written none yet, one that is just ending has removed its own, and whoever started it may
        have been killed meanwhile.
        """
        known = [*self.directory.glob("run/qemu/server-*.pid"), *self.directory.glob("etc/qemu/server-*.xml")]
        while found := {*self._residents(), *self.guests().values()}:
            for pid in found:
                if not _end(pid, signal.SIGKILL):
                    raise Unavailable(f"Process {pid} cannot be ended; the kernel keeps it.")
        for name in {file.stem for file in known}:
            cgroups.clear(name)

    def _residents(self) -> Iterator[int]:
        """Find the processes for which our directories are libvirt's, or are just being made so."""
        try:
            ours = (self.directory / "run").stat()
        except FileNotFoundError:
            return
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                words = (process / "cmdline").read_bytes().split(b"\0")
                entering = {os.fsencode(enclosure.__file__), os.fsencode(self.directory / "run")} <= {*words}
                if entering or os.path.samestat(os.stat(f"{process}/root{PLACES['run']}"), ours):
                    yield int(process.name)

    def pid(self, daemon: str) -> int | None:
        """Return the daemon's process id while it runs, and is ours rather than the machine's."""
        file = self.directory / "run" / f"{daemon}.pid"
        try:
            pid = int(file.read_text())
            # Its own view of the pid file must be this very file: so neither a stranger with a recycled
            # number nor the machine's libvirtd passes.
            seen = os.stat(f"/proc/{pid}/root{PLACES['run']}/{daemon}.pid")
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return pid if os.path.samestat(seen, file.stat()) and name == daemon and state != "Z" else None

    def devices(self) -> set[str] | None:
        """Name the network devices that guests can be plugged into, as libvirtd sees them; None = unknown."""
        try:
            lines = Path(f"/proc/{self.pid('libvirtd')}/net/dev").read_text().splitlines()
        except OSError:
            return None
        return {line.partition(":")[0].strip() for line in lines[2:]}

    def _prepare(self) -> None:
        if len(str(self.socket)) > SOCKET_PATH_LIMIT:
            raise Unavailable(
                "The state directory's path is too long for the sockets in it.",
                detail=f"{self.socket} has more than {SOCKET_PATH_LIMIT} characters",
            )
        for daemon in DAEMONS:
            if shutil.which(daemon, path=_search_path()) is None:
                raise Unavailable(f"{daemon} is not installed on this host.")
        self._empty_after_boot()
        for name in PLACES:
            (self.directory / name).mkdir(parents=True, exist_ok=True, mode=0o755)
        self._configure()

    def _empty_after_boot(self) -> None:
        """What ``run/`` says of processes is true only until the machine is restarted."""
        run, mark = self.directory / "run", self.directory / "run" / "boot_id"
        if run.exists() and (not mark.exists() or mark.read_text() != self._boot_id):
            shutil.rmtree(run)
        run.mkdir(parents=True, exist_ok=True)
        mark.write_text(self._boot_id)

    def _configure(self) -> None:
        identity = self.directory / "host_uuid"
        if not identity.exists():
            _write(identity, str(uuid.uuid4()))
        options = self._options
        etc = self.directory / "etc"
        _write(
            etc / "libvirtd.conf",
            'auth_unix_ro = "none"\nauth_unix_rw = "none"\n'
            'unix_sock_group = "root"\nunix_sock_ro_perms = "0700"\nunix_sock_rw_perms = "0700"\n'
            'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"\n'
            f'host_uuid = "{identity.read_text().strip()}"\n',
        )
        _write(
            etc / "qemu.conf",
            f'user = "{options.user}"\ngroup = "{options.user}"\n'
            'security_driver = "none"\nremember_owner = 0\n'
            f"dynamic_ownership = {0 if options.user == 'root' else 1}\n"
            'namespaces = []\nstdio_handler = "logd"\n'
            + ("" if options.cgroups else "cgroup_controllers = []\n"),
        )
        _write(
            etc / "virtlogd.conf",
            'log_outputs = "3:file:/var/log/libvirt/virtlogd.log"\n'
            f"max_size = {max(4096, options.console_log_bytes // 2)}\nmax_backups = 1\n",
        )

    def _launch(self, daemon: str) -> None:
        """Start one daemon; it puts itself into the background once it is ready."""
        command = [sys.executable, "-I", enclosure.__file__]
        if self._options.netns:
            command += ["--netns", namespace_path(self._options.netns)]
        for name, target in PLACES.items():
            Path(target).mkdir(parents=True, exist_ok=True)  # something to put ours in the place of
            command += ["--bind", str(self.directory / name), target]
        for target, line in NAMES.items():
            if (file := self._with_name(Path(target), line)) is not None:
                command += ["--bind", str(file), target]
        if self.hides_kvm and KVM.exists():
            nothing = self.directory / "no-kvm"
            nothing.touch()
            command += ["--hide", str(KVM), str(nothing)]
        command += ["--", daemon, "--daemon", "--pid-file", f"{PLACES['run']}/{daemon}.pid"]
        command += ["--config", f"{PLACES['etc']}/{daemon}.conf"]
        output = self.directory / "log" / f"{daemon}.start"
        with output.open("wb") as out:
            # Not a pipe: the daemon would keep it open, and waiting for its end would never end.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": _search_path(), "LC_ALL": "C"},
            )
            try:
                status = process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = -1
        if status != 0:
            raise Unavailable(
                f"{daemon} does not start.", detail=output.read_text(errors="replace").strip()[-2000:]
            )
        self._await(daemon)

    def _with_name(self, names: Path, line: str) -> Path | None:
        """Return a copy of a file of names to which a line was added; None if it has that name already."""
        lines = names.read_text().splitlines()
        if any(each.startswith(f"{BUILT_FOR}:") for each in lines):
            return None
        copy = self.directory / names.name
        _write(copy, "".join(f"{each}\n" for each in (*lines, line)))
        return copy

    def _await(self, daemon: str) -> None:
        """Wait for the moment between "in the background" and "pid file written and socket there"."""
        socket = self.directory / "run" / ("libvirt-sock" if daemon == "libvirtd" else "virtlogd-sock")
        ends_at = time.monotonic() + START_SECONDS
        while self.pid(daemon) is None or not socket.exists():
            if time.monotonic() > ends_at:
                said = (self.directory / "log" / f"{daemon}.log").read_text(errors="replace")
                raise Unavailable(f"{daemon} does not come up.", detail=said[-1000:])
            time.sleep(0.01)
        log.info("Started %s (pid %s) below %s", daemon, self.pid(daemon), self.directory)


def _end(pid: int, *signals: signal.Signals) -> bool:
    """Send a signal and wait until the process has ended, or else send the next; tell whether it has."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if poll.poll(1000 * END_SECONDS):
                return True
            log.warning("Process %d does not end on %s", pid, number.name)
        return False
    finally:
        os.close(descriptor)


def namespace_path(name: str) -> str:
    """Return the file of a network namespace that is given by name or path."""
    return name if name.startswith("/") else f"/run/netns/{name}"


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.rename(path)
