"""The test image of a simulated cloud: a few bytes that are a valid disk and boot nothing."""

from pathlib import Path

SECTOR, SECTORS = 512, 2048
BOOT_SIGNATURE = b"\x55\xaa"


def write(directory: Path) -> Path:
    """Write a raw disk of 1 MiB with an empty partition table; return where it is."""
    path = directory / "simulated.raw"
    boot_sector = bytes(SECTOR - len(BOOT_SIGNATURE)) + BOOT_SIGNATURE
    path.write_bytes(boot_sector + bytes(SECTOR * (SECTORS - 1)))
    return path
