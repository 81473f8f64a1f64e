"""Find out whether KVM works here, by booting something with it.

A device node proves nothing: on some machines /dev/kvm opens, QEMU starts, and the guest never executes an
instruction.  So a boot sector is booted whose only work is to end QEMU with a known exit status, under a
watchdog. The answer holds until the machine is restarted and is kept in a file.
"""

import logging
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

WATCHDOG_SECONDS = 2.0

#: mov dx, 0x00f4; mov al, 0x10; out dx, al; hlt
_CODE = bytes([0xBA, 0xF4, 0x00, 0xB0, 0x10, 0xEE, 0xF4])
BOOT_SECTOR = _CODE.ljust(510, b"\0") + b"\x55\xaa"

#: isa-debug-exit turns a written value n into exit status 2n + 1.
SUCCESS = 0x10 * 2 + 1


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and when."""

    boot_id: str
    works: bool


def boots(emulator: str, accelerator: str) -> bool:
    """Boot the sector; True when the guest said so in time."""
    with tempfile.NamedTemporaryFile(prefix="nacre-probe-") as file:
        file.write(BOOT_SECTOR)
        file.flush()
        command = [
            emulator, "-machine", "pc", "-accel", accelerator, "-m", "16", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-sandbox", "on",
            "-drive", f"file={file.name},format=raw,if=floppy,readonly=on",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
        ]  # fmt: skip
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError:
            return False
        try:
            return process.wait(WATCHDOG_SECONDS) == SUCCESS
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # where KVM hangs, the kernel may not let go of it
                process.wait(WATCHDOG_SECONDS)
            return False


def kvm_works(emulator: str, state_dir: Path, boot_id: str) -> bool:
    """Tell whether guests can be run by KVM; asks the machine once per boot."""
    kept = state_dir / "kvm.json"
    try:
        verdict = msgspec.json.decode(kept.read_bytes(), type=Verdict)
        if verdict.boot_id == boot_id:
            return verdict.works
    except (OSError, msgspec.MsgspecError):
        pass
    works = os.access("/dev/kvm", os.R_OK | os.W_OK) and boots(emulator, "kvm")
    log.info("KVM %s here", "works" if works else "does not work")
    kept.write_bytes(msgspec.json.encode(Verdict(boot_id=boot_id, works=works)))
    return works
