"""Modules are put into an order in which they can be loaded."""

from pathlib import Path

import pytest

from nacre.cloud.guest_images import kernel_modules


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A kernel with four modules: net needs ring and core, ring needs core, odd-one stands alone."""
    for name, depends, alias in (
        ("net", "ring,core-part", "pci:v1234*"),
        ("ring", "core-part", "ring-alias"),
        ("core-part", "", ""),
        ("odd-one", "", "fs-odd"),
    ):
        module = tmp_path / "kernel" / name[0] / f"{name}.ko"
        module.parent.mkdir(parents=True)
        aliases = f"\0alias={alias}" if alias else ""
        module.write_bytes(f"\x7fELF\0license=GPL{aliases}\0depends={depends}\0name={name}\0".encode())
    return tmp_path


def names(modules: list[Path]) -> list[str]:
    """Return the file names."""
    return [module.name for module in modules]


def test_a_module_comes_after_those_it_needs(tree: Path) -> None:
    assert names(kernel_modules.in_load_order(tree, ["net"])) == ["core-part.ko", "ring.ko", "net.ko"]


def test_dashes_and_underscores_are_the_same(tree: Path) -> None:
    assert names(kernel_modules.in_load_order(tree, ["odd_one"])) == ["odd-one.ko"]


def test_what_this_kernel_does_not_have_is_left_out(tree: Path) -> None:
    assert kernel_modules.in_load_order(tree, ["built_in"]) == []


def test_modprobe_is_told_what_to_load_first_and_other_names(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "guest" / "lib" / "modules" / "6.1"
    kernel_modules.offer(kernel_modules.in_load_order(tree, ["net", "odd-one"]), folder)
    assert (folder / "modules.dep").read_text().splitlines() == [
        "core_part.ko:",
        "ring.ko: core_part.ko",
        "net.ko: ring.ko core_part.ko",
        "odd_one.ko:",
    ]
    assert (folder / "modules.alias").read_text().splitlines() == [
        "alias ring-alias ring",
        "alias pci:v1234* net",
        "alias fs-odd odd_one",
    ]
    assert (folder / "odd_one.ko").exists()
