"""noVNC, the page in which users see the screens of their servers: the files of Debian's package, nothing installed.

The package would bring Node.js and a proxy of its own, which nacre does not need, so it is unpacked beside the
state.  Without it the cloud works but for that page, so not getting it is no reason not to start.
"""

from pathlib import Path

from nacre.cloud import packages
from nacre.cloud.packages import CannotInstall, Progress

PACKAGE = "novnc"
FOLDER = "usr/share/novnc"
PAGE = "vnc_lite.html"
INSTALLED = Path("/", FOLDER)


def ensure(directory: Path, progress: Progress) -> None:
    """Have noVNC's files in a directory, unless the machine has them or they cannot be had; may be called again."""
    if any((place / PAGE).is_file() for place in (directory, INSTALLED)):
        return
    progress("fetching noVNC, which shows the screens of servers in a browser")
    try:
        packages.unpack(PACKAGE, FOLDER, directory)
    except CannotInstall as error:
        progress(f"no screens in browsers: {error.message}")
