"""The Debian guest: the machine's own release of Debian with its own cloud-init, systemd and OpenSSH.

For the questions that only the real thing can answer: does cloud-init find our metadata, grow the disk, run
what it is given?  Under emulation it takes most of a minute to boot; `tiny` takes seconds.

Kernel and initramfs are in the boot partition and are not replaced by upgrades inside the guest: build the
image anew for a newer kernel.
"""

import shlex
import shutil
from pathlib import Path

from nacre.cloud.guest_images import disk
from nacre.cloud.guest_images.sysroot import Archive, Sysroot, run

MACHINE_PACKAGES = ("mmdebstrap", "qemu-utils")
TOOL_PACKAGES = disk.PACKAGES

FILES = Path(__file__).parent
ROOT_LABEL = "nacre-root"
ROOT_MIB = 2048

PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "zstd", "kmod", "e2fsprogs", "fdisk", "systemd-sysv"),
    *("systemd-resolved", "udev", "dbus", "cloud-init", "cloud-guest-utils", "netplan.io", "iproute2"),
    *("iputils-ping", "openssh-server", "sudo", "qemu-guest-agent", "ca-certificates", "python3-yaml"),
    *("procps", "less"),
)
NOT_UNPACKED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*")

# They would work just when a fresh guest has better things to do.
MASKED_UNITS = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "systemd-timesyncd.service"),
)


def ingredients(archive: Archive) -> list[str]:
    """Return the file names, with versions, of the packages that the image is made of."""
    return [*archive.closure(TOOL_PACKAGES), *archive.closure(PACKAGES)]


def fetch(archive: Archive) -> list[Path]:
    """Download the packages that are used in building; those of the guest are mmdebstrap's business."""
    return archive.download(TOOL_PACKAGES)


def build(sysroot: Sysroot, archive: Archive, workshop: Path, target: Path) -> None:
    """Write the image to `target`."""
    tree = workshop / "root"
    _install_debian(archive, tree)
    kernel = next((tree / "boot").glob("vmlinuz-*"))
    early = next((tree / "boot").glob("initrd.img-*"))
    boot, root = workshop / "boot.fat", workshop / "root.ext4"
    config = FILES / "syslinux.cfg"
    loader = disk.efi_loader(sysroot)
    disk.make_boot(sysroot, {"syslinux.cfg": config, "vmlinuz": kernel, "initramfs": early} | loader, boot)
    early.unlink()
    disk.make_root(sysroot, tree, root, label=ROOT_LABEL, size_mib=ROOT_MIB)
    disk.assemble(sysroot, boot, root, target)


def _install_debian(archive: Archive, tree: Path) -> None:
    """Install Debian in `tree`, from where this machine has its own packages."""
    codename, sources = archive.debian_sources()
    options = [
        *("--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_UNPACKED),
        # Our files come before the packages that read them while they are installed.
        f"--essential-hook=sync-in {shlex.quote(str(FILES / 'root'))} /",
        *(f"--aptopt={option}" for option in archive.proxies()),
    ]
    run(["mmdebstrap", *options, codename, tree, *sources])
    for unit in MASKED_UNITS:
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("localhost\n")
    shutil.rmtree(tree / "var/lib/apt/lists")
