"""Which formats an image's bytes may have, and how they are told from the bytes themselves."""

CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")

__all__ = ["CONTAINER_FORMATS", "DISK_FORMATS"]
