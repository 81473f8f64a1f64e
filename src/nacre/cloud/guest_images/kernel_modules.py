"""Which kernel modules a small guest needs, and in which order they must be loaded.

A module says in its own file which others it depends on and under which names the kernel may ask for it
(`depends=` and `alias=` in its .modinfo section), so Debian's depmod need not have run.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
ALIAS = re.compile(rb"(?<=\0)alias=([^\0]*)\0")


def in_load_order(tree: Path, wanted: Iterable[str]) -> list[Path]:
    """Return the files of the `wanted` modules and of those they depend on, each after its dependencies.

    Modules that are built into the kernel, or that this kernel does not have, are left out.
    """
    files = {_name(path): path for path in tree.rglob("*.ko")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or name in ordered:
            return
        for dependency in _dependencies(path):
            add(dependency)
        ordered[name] = path

    for name in wanted:
        add(name.replace("-", "_"))
    return list(ordered.values())


def offer(modules: Iterable[Path], folder: Path) -> None:
    """Put `modules`, which are in load order, where modprobe and the kernel find them when needed.

    `folder` is /lib/modules/RELEASE of the guest.  In its modules.dep a module is followed by all that it
    needs, the first to be loaded last; modules.alias has the other names by which it is asked for.
    """
    folder.mkdir(parents=True)
    needs: dict[str, list[str]] = {}
    with (folder / "modules.dep").open("w") as dependencies, (folder / "modules.alias").open("w") as aliases:
        for module in modules:
            name = _name(module)
            shutil.copy(module, folder / f"{name}.ko")
            before = {needed for direct in _dependencies(module) for needed in (direct, *needs[direct])}
            needs[name] = [loaded for loaded in reversed(needs) if loaded in before]
            dependencies.write(f"{name}.ko:{''.join(f' {needed}.ko' for needed in needs[name])}\n")
            for alias in ALIAS.findall(module.read_bytes()):
                aliases.write(f"alias {alias.decode()} {name}\n")


def _dependencies(module: Path) -> list[str]:
    match = DEPENDS.search(module.read_bytes())
    return match[1].decode().replace("-", "_").split(",") if match and match[1] else []


def _name(module: Path) -> str:
    """The name of a module in a file; the kernel takes dashes and underscores for the same."""
    return module.name.removesuffix(".ko").replace("-", "_")
