"""Can servers, networks and disks exist on this machine?  If not, why not.

`obstacles` looks at the machine and changes nothing: each thing in the way is a sentence for a human, and
no sentence means that real mode works once `prepare` has installed what it needs.  What can be tried is
tried (a namespace, a bridge, a firewall table, all gone again with the namespace) rather than guessed from
version numbers.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from nacre.cloud import packages
from nacre.cloud.packages import Progress

TRIAL_SECONDS = 20
SOCKET_PATH_LIMIT = 107  # unix(7)
LONGEST_SOCKET = "compute/vnc/" + "0" * 36  # of those that agents make in a host's directory

# What a host's network is made of, and a command that fails where the kernel cannot do it.  Each runs in a
# network namespace of its own.
KERNEL_FEATURES = (
    ("bridges", ("ip", "link", "add", "trial0", "type", "bridge")),
    ("veth pairs", ("ip", "link", "add", "trial0", "type", "veth", "peer", "name", "trial1")),
    ("VXLAN tunnels", ("ip", "link", "add", "trial0", "type", "vxlan", "id", "1", "dstport", "4789")),
    ("tap devices", ("ip", "tuntap", "add", "trial0", "mode", "tap")),
    ("nftables", ("nft", "add", "table", "inet", "trial")),
)


def obstacles(host_directory: Path) -> list[str]:
    """Return the reasons why real mode cannot work here, with a host's files there; an empty list if it can."""
    if sys.platform != "linux":
        return [f"real mode needs Linux, and this is {platform.system()}"]
    reasons = []
    if (surplus := len(str(host_directory / LONGEST_SOCKET)) - SOCKET_PATH_LIMIT) > 0:
        reasons.append(f"{host_directory} is {surplus} characters too long for the sockets in it")
    if platform.machine() != "x86_64":
        reasons.append(f"real mode needs an x86-64 processor, and this is {platform.machine()}")
    if os.geteuid() != 0:
        reasons.append("real mode needs root, to make namespaces, bridges and taps")
        return reasons + _packages_out_of_reach()
    if not Path("/dev/net/tun").exists():
        reasons.append("/dev/net/tun does not exist, so servers cannot have network cards")
    if not _works_in_own_namespace("true"):
        reasons.append("this kernel or container does not let root make network namespaces")
        return reasons + _packages_out_of_reach()
    for feature, trial in KERNEL_FEATURES:
        if shutil.which(trial[0]) and not _works_in_own_namespace(*trial):
            reasons.append(f"the kernel has no {feature} (`{' '.join(trial)}` fails)")
    return reasons + _packages_out_of_reach()


def has_namespaces() -> bool:
    """Tell whether network namespaces can be made here, with bridges and wires in them."""
    wanted = [trial for feature, trial in KERNEL_FEATURES if feature in ("bridges", "veth pairs")]
    return shutil.which("ip") is not None and all(_works_in_own_namespace(*trial) for trial in wanted)


def prepare(progress: Progress) -> None:
    """Install all that real mode needs; CannotInstall says what could not be."""
    packages.install(packages.REAL_MODE, progress)
    packages.ensure_libvirt_binding(progress)


def _packages_out_of_reach() -> list[str]:
    """Name the missing packages if this process cannot install them itself."""
    wanted, reason = packages.missing(packages.REAL_MODE), packages.cannot_install()
    if wanted and reason:
        return [f"these packages are missing: {' '.join(wanted)}; {reason}"]
    return []


def _works_in_own_namespace(*command: str) -> bool:
    """Run `command` in a network namespace that ends with it."""
    if shutil.which("unshare") is None:
        return False
    try:
        trial = subprocess.run(
            ["unshare", "--net", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode == 0
