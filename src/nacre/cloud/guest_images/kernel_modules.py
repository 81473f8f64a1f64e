"""Which kernel modules a small guest needs, and in which order they must be loaded.

A module names those that it depends on in its own file (the `depends=` entry of its .modinfo section), so
the order can be found without Debian's depmod having run.
"""

import re
from collections.abc import Iterable
from pathlib import Path

DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def in_load_order(tree: Path, wanted: Iterable[str]) -> list[Path]:
    """Return the files of the `wanted` modules and of those they depend on, each after its dependencies.

    Modules that are built into the kernel, or that this kernel does not have, are left out.
    """
    files = {_name(path.name.removesuffix(".ko")): path for path in tree.rglob("*.ko")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or name in ordered:
            return
        for dependency in _dependencies(path):
            add(dependency)
        ordered[name] = path

    for name in wanted:
        add(_name(name))
    return list(ordered.values())


def _dependencies(module: Path) -> list[str]:
    match = DEPENDS.search(module.read_bytes())
    return [_name(name) for name in match[1].decode().split(",") if name] if match else []


def _name(spelling: str) -> str:
    """The kernel takes dashes and underscores for the same."""
    return spelling.replace("-", "_")
