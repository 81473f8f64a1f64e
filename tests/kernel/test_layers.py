"""The contracts in pyproject.toml on who may import whom pass right imports and find each wrong one."""

import os
import subprocess
import sys
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
LINTER = Path(sys.prefix) / "bin" / "lint-imports"

RIGHT = {
    "cmd.up": ["cloud.start"],
    "cloud.start": ["services.compute.service", "services.compute.agent.main", "kernel.log"],
    "kernel.log": [],
    "kernel.db.engines": [],
    "kernel.process": ["kernel.db.engines"],
    "services.compute.service": ["services.compute.api.servers", "services.compute.tasks.server_build"],
    "services.compute.api.servers": ["services.compute.app.servers", "services.compute.versions"],
    "services.compute.tasks.server_build": ["services.compute.app.servers", "services.compute.rpc"],
    "services.compute.app.servers": [
        "services.compute.db.servers",
        "services.image.client",
        "services.image.errors",
    ],
    "services.compute.db.servers": ["services.compute.errors", "kernel.db.engines"],
    "services.compute.rpc": ["services.compute.errors"],
    "services.compute.agent.main": ["services.compute.rpc", "services.compute.config", "kernel.log"],
    "services.compute.client": ["services.compute.errors"],
    "services.compute.errors": [],
    "services.compute.config": [],
    "services.compute.policy": [],
    "services.compute.versions": [],
    "services.image.client": [],
    "services.image.errors": [],
    "services.image.app.images": ["services.image.db.images"],
    "services.image.db.images": [],
}

WRONG = [
    ("kernel.log", "services.image.errors"),
    ("kernel.log", "cloud.start"),
    ("services.image.app.images", "cloud.start"),
    ("cloud.start", "cmd.up"),
    ("services.compute.db.servers", "services.compute.app.servers"),
    ("services.compute.app.servers", "services.compute.api.servers"),
    ("services.compute.app.servers", "services.compute.tasks.server_build"),
    ("services.compute.rpc", "services.compute.db.servers"),
    ("services.compute.errors", "services.compute.config"),
    ("services.compute.app.servers", "services.image.app.images"),
    ("services.compute.client", "services.image.db.images"),
    ("services.compute.agent.main", "services.compute.db.servers"),
    ("services.compute.agent.main", "services.image.client"),
    ("services.compute.agent.main", "kernel.process"),
    ("services.compute.app.servers", "services.compute.agent.main"),
    ("services.compute.rpc", "services.compute.agent.main"),
]


def lint(folder: Path, imports: dict[str, list[str]]) -> tuple[int, str]:
    """Write a package called nacre with these imports and hold the contracts against it."""
    for module, imported in imports.items():
        file = folder / "nacre" / (module.replace(".", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"import nacre.{name}\n" for name in imported))
    for directory in [folder / "nacre", *(folder / "nacre").rglob("*")]:
        if directory.is_dir():
            (directory / "__init__.py").touch()
    done = subprocess.run(
        [LINTER, "--config", PYPROJECT, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_right_imports_pass(tmp_path: Path) -> None:
    code, output = lint(tmp_path, RIGHT)
    assert code == 0, output


def test_every_wrong_import_is_found(tmp_path: Path) -> None:
    missed = []
    for number, (importer, imported) in enumerate(WRONG):
        code, output = lint(tmp_path / str(number), {**RIGHT, importer: [*RIGHT[importer], imported]})
        if code == 0 or f"nacre.{importer} -> nacre.{imported}" not in output:
            missed.append((importer, imported, output))
    assert not missed
