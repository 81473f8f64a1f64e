"""Whether what was found in an image may be stored under what was declared of it."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.services.image.app.formats.findings import Finding
from nacre.services.image.errors import BadImageData

#: Plain bytes, whatever they mean to the guest.
PLAIN = frozenset(("raw", "ami", "ari", "aki"))
#: What may lie in plain bytes: an encrypted volume's image is raw, and begins with its LUKS header.
WITHIN_PLAIN = frozenset(("luks",))
#: Archives: the disk inside is not seen, but nothing else that could be opened as a disk may be.
ARCHIVES = frozenset(("ova", "docker", "compressed"))


def check(findings: Sequence[Finding], disk_format: str | None, container_format: str | None) -> None:
    """Raise BadImageData unless the findings so far allow what was declared."""
    if len({finding.format for finding in findings}) > 1:
        names = " and ".join(sorted({finding.format for finding in findings}))
        raise BadImageData(f"Image content is ambiguous: it could be read as {names}.")
    for finding in findings:
        fits = finding.format == disk_format or (disk_format in PLAIN and finding.format in WITHIN_PLAIN)
        if not fits:
            raise BadImageData(
                f"Image content does not match the declared disk_format: "
                f"it is {finding.format}, not {disk_format}."
            )
        if finding.danger is not None:
            raise BadImageData(f"This {finding.format} image is refused: {finding.danger}.")


def conclude(
    findings: Sequence[Finding], size: int, disk_format: str | None, container_format: str | None
) -> int | None:
    """Return the virtual size of a complete image; raises BadImageData where it is not what was declared."""
    check(findings, disk_format, container_format)
    if findings:
        return findings[0].virtual_size if findings[0].virtual_size is not None else size
    if container_format in ARCHIVES:
        return None
    if disk_format not in PLAIN:
        raise BadImageData(
            f"Image content does not match the declared disk_format: it is not {disk_format} at all."
        )
    return size
