"""Put a bootable disk together from files, without mounting anything.

    sector 0       partition table, and syslinux's boot code
    1 MiB          partition 1: FAT, with the boot loader, the kernel and its initramfs
    after it       partition 2: ext4, the root file system; last, so that it can grow with the disk

The file systems are made as files and copied into place; the root's owner is root, whoever builds it.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from nacre.cloud.guest_images.sysroot import Sysroot, run

SECTOR = 512
MIB = 1024 * 1024
GIB = 1024 * MIB
BLOCK = 4096
JOURNAL_MIB = 16
LARGEST_ROOT_GIB = 2048
BOOT_START_MIB = 1
BOOT_MIB = 32
BOOT_CODE_BYTES = 440
BOOTABLE, NOT_BOOTABLE = 0x80, 0x00
EFI_SYSTEM, LINUX = 0xEF, 0x83
NO_CYLINDERS = b"\xfe\xff\xff"  # addressed by sector number, as on every disk since the nineties
COPY_BYTES = 1 * MIB

PACKAGES = ("e2fsprogs", "mtools", "syslinux", "syslinux-common", "syslinux-efi")
TOOLS = ("mke2fs", "mformat", "mcopy", "mmd", "mattrib", "mmove", "syslinux")


def make_root(sysroot: Sysroot, tree: Path, target: Path, *, label: str, size_mib: int) -> None:
    """Make an ext4 file system with the content of `tree`."""
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(size_mib * MIB)
    # What a small file system gets by default is wrong for one that will grow: blocks of 1 KiB, no room for
    # the descriptors of a large disk, and a journal in which growing while mounted does not fit.
    growth = f"resize={LARGEST_ROOT_GIB * GIB // BLOCK}"
    options = ("-q", "-t", "ext4", "-b", str(BLOCK), "-I", "256", "-J", f"size={JOURNAL_MIB}", "-L", label)
    extended = ("-E", f"{growth},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0")
    sysroot.tool("mke2fs", *options, *extended, "-d", tree, target, as_root=True)


def make_boot(sysroot: Sysroot, files: dict[str, Path], target: Path) -> None:
    """Make the boot file system: FAT with syslinux and `files`, whose names may contain folders."""
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(BOOT_MIB * MIB)
    sysroot.tool("mformat", "-i", target, "-v", "BOOT", "::")
    sysroot.tool("syslinux", "--install", target)
    folders: set[str] = set()
    for name, source in files.items():
        *parents, _ = name.split("/")
        for depth in range(1, len(parents) + 1):
            folder = "/".join(parents[:depth])
            if folder not in folders:
                sysroot.tool("mmd", "-i", target, f"::{folder}")
                folders.add(folder)
        sysroot.tool("mcopy", "-i", target, source, f"::{name}")


def efi_loader(sysroot: Sysroot) -> dict[str, Path]:
    """Return the boot loader's files for machines with UEFI firmware, which need no boot sector."""
    return {
        "EFI/BOOT/BOOTX64.EFI": sysroot.directory / "usr/lib/SYSLINUX.EFI/efi64/syslinux.efi",
        "ldlinux.e64": sysroot.directory / "usr/lib/syslinux/modules/efi64/ldlinux.e64",
    }


def assemble(sysroot: Sysroot, boot: Path, root: Path, target: Path) -> None:
    """Write partition table and both file systems to `target`, as compressed qcow2."""
    raw = target.with_suffix(".raw")
    boot_start = BOOT_START_MIB * MIB
    root_start = boot_start + boot.stat().st_size
    boot_code = (sysroot.directory / "usr/lib/syslinux/mbr/mbr.bin").read_bytes()[:BOOT_CODE_BYTES]
    table = _partition(BOOTABLE, EFI_SYSTEM, boot_start, boot)
    table += _partition(NOT_BOOTABLE, LINUX, root_start, root)
    with raw.open("wb") as disk:
        disk.write(boot_code.ljust(446, b"\0") + table.ljust(64, b"\0") + b"\x55\xaa")
        for start, source in ((boot_start, boot), (root_start, root)):
            _copy_sparse(source, disk, start)
        disk.truncate(root_start + root.stat().st_size)
    run(["qemu-img", "convert", "-c", "-O", "qcow2", raw, target])
    raw.unlink()


def _partition(status: int, kind: int, start: int, content: Path) -> bytes:
    """One entry of the partition table, of 16 bytes."""
    sectors = content.stat().st_size // SECTOR
    return struct.pack("<B3sB3sII", status, NO_CYLINDERS, kind, NO_CYLINDERS, start // SECTOR, sectors)


def _copy_sparse(source: Path, disk: BinaryIO, start: int) -> None:
    """Copy a file to `start`, leaving holes where it has only zeros."""
    with source.open("rb") as file:
        offset = start
        while chunk := file.read(COPY_BYTES):
            if any(chunk):
                disk.seek(offset)
                disk.write(chunk)
            offset += len(chunk)
