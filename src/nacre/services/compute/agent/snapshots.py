"""Make an image of a server's disk: copy it to a file, send the file, remove the file.

The copy is the driver's work; it is the state of the disk at one moment.  Sending is done here, to the URL
and with the ticket that the command brought.  When the agent dies in between, the whole is done again.
"""

import shutil
from pathlib import Path

from nacre.kernel.errors import BadRequest
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Driver, Later
from nacre.services.compute.agent.transfers import Transfers

FORMATS = ("qcow2", "raw")


class Snapshots:
    """Copies on their way out, one directory per server."""

    def __init__(self, directory: Path, transfers: Transfers) -> None:
        self._directory, self._transfers = directory, transfers

    def clear(self) -> None:
        """Remove what an earlier agent left half-done; its commands begin anew."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def take(
        self, driver: Driver, message: rpc.SnapshotServer, attempt: Attempt
    ) -> Later | dict[str, object]:
        """Copy and send; the result tells size and format."""
        if message.disk_format not in FORMATS:
            raise BadRequest(f"A snapshot is {' or '.join(FORMATS)}, not {message.disk_format}.")
        folder = self._directory / message.server_id
        if attempt.number == 1:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        target = folder / f"image.{message.disk_format}"
        kept = False
        try:
            later = driver.snapshot(message.server_id, target, message.disk_format, message.quiesce, attempt)
            if later is not None:
                kept = True
                return later
            size_bytes = target.stat().st_size
            attempt.tell(f"sending {size_bytes / 1e6:.1f} MB")
            self._transfers.send(target, message.upload)
            return {"size_bytes": size_bytes, "disk_format": message.disk_format}
        finally:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)
