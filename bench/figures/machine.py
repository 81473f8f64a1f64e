"""What machine this is."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Return the machine in a few words."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown"
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {system}, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )
