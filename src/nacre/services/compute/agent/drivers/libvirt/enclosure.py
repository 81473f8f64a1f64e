"""Run a program in a mount namespace of its own, where some directories are others, and in a network
namespace.

Called as a script, by path, and uses only the standard library, so that it starts fast::

    python -I enclosure.py [--netns FILE] [--bind SOURCE TARGET]... [--hide FILE BY]... -- PROGRAM [ARGUMENT]...

A hidden file has another in its place that cannot be written to: no device, even for root.

It enters the network namespace as ``nsenter --net`` does and not as ``ip netns exec``, which would put an
empty /sys in place and hide the cgroups.  Later mounts of the machine appear within; mounts made here do
not leak out. The program replaces this one, so nothing stays between it and its parent.
"""

import argparse
import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_RDONLY = 0x1
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter_network(path: str) -> None:
    """Move this process into a network namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(descriptor, CLONE_NEWNET), f"entering {path}")
    finally:
        os.close(descriptor)


def replace_directories(pairs: list[tuple[str, str]]) -> None:
    """Put directories in the place of others, for this process and its children only."""
    _check(_libc.unshare(CLONE_NEWNS), "making a mount namespace")
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None), "separating mounts")
    for source, target in pairs:
        _check(
            _libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None),
            f"putting {source} in the place of {target}",
        )


def hide(pairs: list[tuple[str, str]]) -> None:
    """Put files that can only be read in the place of others; in a mount namespace of our own by now."""
    for target, source in pairs:
        for flags in (MS_BIND, MS_BIND | MS_REMOUNT | MS_RDONLY):
            _check(
                _libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None), f"hiding {target}"
            )


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--netns")
    parser.add_argument("--bind", nargs=2, action="append", default=[], metavar=("SOURCE", "TARGET"))
    parser.add_argument("--hide", nargs=2, action="append", default=[], metavar=("FILE", "BY"))
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if asked.netns:
        enter_network(asked.netns)
    replace_directories([(source, target) for source, target in asked.bind])
    hide([(target, source) for target, source in asked.hide])
    os.execvp(asked.program, [asked.program, *asked.arguments])


if __name__ == "__main__":
    main()
