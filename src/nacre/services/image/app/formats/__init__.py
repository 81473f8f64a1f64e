"""What format an image's bytes really have, told from the bytes themselves while they stream by.

Nobody's word is taken for it.  An image that is called raw and is a qcow2 would be opened as one by any
program that looks for itself, and a qcow2 may name *other* files of the machine as its data: that is how
a guest gets to read /etc/shadow of its host.  So what is found must be what was declared, must be just one
format, and must be complete in itself.

    findings    what a probe says: a format, its virtual size, what is wrong with it
    scan        one pass over a stream: gives each probe the parts it asks for
    verdicts    whether what was found may be stored under what was declared
    qcow2, vmdk, vhd, vhdx, simple    the probes
"""

CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop", "luks")

__all__ = ["CONTAINER_FORMATS", "DISK_FORMATS"]
