"""The tiny guest: boots in seconds without KVM, and does what the tests of a cloud ask of a server.

Debian's cloud kernel, busybox, dropbear and QEMU's guest agent.  The guest's own files are in `root`, those
of the first moments of its boot in `initramfs`; both are scripts to be read.  Everything that runs is in
/bin there, every library in /lib.

It takes addresses by DHCP (with static routes and MTU), from router advertisements or as the configuration
drive says; host name, keys, password and a script from the configuration drive or the metadata service;
grows its root file system to the disk; obeys the power button and the guest agent; configures cards that
are plugged in while it runs; logs in `root` and `cirros` by key, and `cirros` by the password gocubsgo.

compat: user and password are those of CirrOS, the image that OpenStack's tests expect by default.
"""

import shutil
from pathlib import Path

from nacre.cloud.guest_images import disk, initramfs, kernel_modules
from nacre.cloud.guest_images.sysroot import TRIPLET, Archive, Sysroot, run

FILES = Path(__file__).parent
ROOT_LABEL = "nacre-root"
ROOT_MIB = 64

MACHINE_PACKAGES = ("qemu-utils",)
PACKAGES = (
    "busybox-static",
    "dropbear-bin",
    "e2fsprogs",
    "qemu-guest-agent",
    "sudo",
    "usr-is-merged",  # or apt picks usrmerge, which is written in Perl
    *disk.PACKAGES,
)
KERNEL_METAPACKAGE, KERNEL_PREFIX = "linux-image-cloud-amd64", "linux-image-"

PROGRAMS = ("dropbear", "dropbearkey", "dbclient", "resize2fs", "e2fsck", "mke2fs", "qemu-ga", "sudo")
# Loaded by name while a program runs: the loader does not see them.
PLUGINS = (f"lib/{TRIPLET}/security/pam_permit.so", "usr/libexec/sudo/sudoers.so")
SYSROOT_LOADER = f"lib/{TRIPLET}/ld-linux-x86-64.so.2"

# Busybox has more than is good for this guest: what is not Debian-like, or is here from elsewhere.
NOT_FROM_BUSYBOX = {"busybox", "dpkg", "dpkg-deb", "rpm", "rpm2cpio", "mke2fs", "mim", "linuxrc", "init"}
INITRAMFS_APPLETS = (
    *("awk", "basename", "cat", "echo", "fdisk", "findfs", "insmod", "ls", "mkdir", "mount", "printf"),
    *("readlink", "sh", "switch_root", "usleep"),
)

MODULES = (
    *("virtio_pci", "virtio_net", "virtio_blk", "virtio_scsi", "virtio_console", "virtio_rng"),
    *("virtio_balloon", "ata_piix", "ata_generic", "sd_mod", "sr_mod", "sg"),
    *("isofs", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8"),
    *("button", "evdev", "qemu_fw_cfg", "pvpanic_pci", "efivarfs"),
)
# Loaded when somebody uses them: a trunk port, a shared file system, an encrypted or striped volume.
MODULES_ON_DEMAND = ("8021q", "macvlan", "bridge", "virtiofs", "nfsv4", "dm_crypt", "xfs", "loop")

FOLDERS = {
    **dict.fromkeys(("bin", "lib", "lib64", "dev", "proc", "sys", "run", "mnt", "etc/dropbear"), 0o755),
    **dict.fromkeys(("usr", "var/lib", "var/log", "home"), 0o755),
    **dict.fromkeys(("root", "root/.ssh", "home/cirros", "home/cirros/.ssh"), 0o700),
    "tmp": 0o1777,
}
LINKS = {
    "sbin": "bin",
    "usr/bin": "../bin",
    "usr/sbin": "../bin",
    "usr/lib": "../lib",
    "usr/libexec": "../lib",
    "var/run": "/run",
    "etc/mtab": "/proc/mounts",
    "bin/init": "busybox",
    "bin/mkfs.ext4": "mke2fs",
    "lib64/ld-linux-x86-64.so.2": "/lib/ld-linux-x86-64.so.2",
    f"lib/{TRIPLET}": ".",
}
SECRET = 0o600
MODES = {"etc/shadow": SECRET, "etc/sudoers": 0o440, "bin/sudo": 0o4755}


def ingredients(archive: Archive) -> list[str]:
    """Return the file names, with versions, of the packages that the image is made of."""
    return [*archive.closure(PACKAGES), archive.single(_kernel(archive))]


def fetch(archive: Archive) -> list[Path]:
    """Download the packages that are used in building."""
    # The kernel alone: what it depends on would build its initramfs, and ours is our own.
    return archive.download(PACKAGES, alone=[_kernel(archive)])


def _kernel(archive: Archive) -> str:
    return archive.newest(KERNEL_METAPACKAGE, KERNEL_PREFIX)


def build(sysroot: Sysroot, archive: Archive, workshop: Path, target: Path) -> None:
    """Write the image to `target`, and beside it its parts, for servers that boot a kernel of their own."""
    kernel = next((sysroot.directory / "boot").glob("vmlinuz-*"))
    early = workshop / "initramfs"
    early.write_bytes(initramfs.pack(_early_tree(sysroot, workshop / "early")))
    root, boot = workshop / "root.ext4", workshop / "boot.fat"
    disk.make_root(sysroot, _root_tree(sysroot, workshop / "root"), root, label=ROOT_LABEL, size_mib=ROOT_MIB)
    loader = disk.efi_loader(sysroot)
    config = FILES / "syslinux.cfg"
    disk.make_boot(sysroot, {"syslinux.cfg": config, "vmlinuz": kernel, "initramfs": early} | loader, boot)
    disk.assemble(sysroot, boot, root, target)
    for part, source in (("vmlinuz", kernel), ("initramfs", early), ("ext4", root)):
        run(["cp", "--sparse=always", source, target.with_suffix(f".{part}")])


def _early_tree(sysroot: Sysroot, tree: Path) -> Path:
    """Lay out the initramfs: busybox, the drivers in load order, and `init`."""
    for folder in ("bin", "dev", "proc", "sys", "lib/modules"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(sysroot.program("busybox"), tree / "bin" / "busybox")
    for applet in INITRAMFS_APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    modules = kernel_modules.in_load_order(sysroot.directory / "lib" / "modules", MODULES)
    for module in modules:
        shutil.copy(module, tree / "lib" / "modules")
    (tree / "lib/modules/order").write_text("".join(f"{module.name}\n" for module in modules))
    _copy_files(FILES / "initramfs", tree)
    return tree


def _root_tree(sysroot: Sysroot, tree: Path) -> Path:
    """Lay out the root file system."""
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for name, destination in LINKS.items():
        (tree / name).symlink_to(destination)
    _copy_files(FILES / "root", tree)
    busybox = sysroot.program("busybox")
    shutil.copy(busybox, tree / "bin" / "busybox")
    for applet in run([busybox, "--list"]).split():
        link = tree / "bin" / applet
        if applet not in NOT_FROM_BUSYBOX and not link.exists():
            link.symlink_to("busybox")
    _copy_programs(sysroot, tree)
    available = sysroot.directory / "lib" / "modules"
    on_demand = kernel_modules.in_load_order(available, MODULES_ON_DEMAND)
    release = next(available.iterdir()).name
    kernel_modules.offer(on_demand, tree / "lib" / "modules" / release)
    for name, mode in (FOLDERS | MODES).items():
        (tree / name).chmod(mode)
    return tree


def _copy_programs(sysroot: Sysroot, tree: Path) -> None:
    """Copy the programs that are not busybox's, and every library that they need."""
    libraries = {sysroot.directory / SYSROOT_LOADER}
    for name in PROGRAMS:
        binary = sysroot.program(name)
        (tree / "bin" / name).unlink(missing_ok=True)
        shutil.copy(binary, tree / "bin" / name)
        libraries |= set(sysroot.libraries_of(binary))
    for name in PLUGINS:
        plugin = sysroot.directory / name
        folder = tree / "lib" / plugin.parent.name  # lib/security, lib/sudo
        folder.mkdir()
        shutil.copy(plugin, folder)
        libraries |= set(sysroot.libraries_of(plugin))
    for library in libraries:
        place = "lib/sudo" if library.parent.name == "sudo" else "lib"
        shutil.copy(library, tree / place / library.name)  # the file itself, under the name that is asked for


def _copy_files(source: Path, tree: Path) -> None:
    """Copy our own files; whatever begins with #! may be run."""
    for path in sorted(source.rglob("*")):
        target = tree / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, target)
            target.chmod(0o755 if path.read_bytes().startswith(b"#!") else 0o644)
