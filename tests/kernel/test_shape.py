"""The program that checks the shape of the source finds each thing that it promises to find."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "shape.py"


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shape", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["shape"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


shape = load_tool()

Write = Callable[[str, str], Path]
DOC = '"""What it is for."""\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A tree with one service that is as it should be, and a function that adds a file to it."""

    def write(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for folder in file.relative_to(tmp_path).parents:
            if folder.parts[:2] == ("src", "nacre") and "migrations" not in folder.parts:
                (tmp_path / folder / "__init__.py").touch()
        return file

    for part in ("service", "versions", "db/tables", "db/servers", "app/servers", "api/servers"):
        write(f"src/nacre/services/compute/{part}.py", DOC)
    return write


def violations(root: Path) -> list[tuple[str, int, str]]:
    return [
        (found.path.removeprefix("src/nacre/services/compute/"), found.line, found.rule)
        for found in shape.check(root)
    ]


def test_a_service_of_the_right_shape_passes(write: Write, tmp_path: Path) -> None:
    write("src/nacre/services/compute/api/__init__.py", "")
    write("src/nacre/services/compute/agent/drivers/base.py", DOC)
    write("src/nacre/services/compute/api/flavors.py", DOC + "from nacre.services.compute import versions\n")
    write("src/nacre/services/compute/db/flavors.py", DOC + "from sqlalchemy import select\n")
    write("src/nacre/services/compute/db/migrations/0001_first.py", DOC + "import sqlalchemy as sa\n")
    write("src/nacre/kernel/db/engines.py", DOC + "import sqlalchemy\n")
    write("src/nacre/kernel/http/app.py", DOC + "import uvicorn\n\n\nasync def serve(): ...\n")
    write("src/nacre/cmd/status.py", DOC + "print('ok')\n")
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "text", "line", "rule"),
    [
        ("nova_compat.py", DOC, 1, "place"),
        ("extras/__init__.py", DOC, 1, "place"),
        ("README.md", "Hello.", 1, "place"),
        ("app/scaling.py", "x = 1\n", 1, "docstring"),
        ("app/scaling.py", '"""Scaling servers\n\nUp and down."""\n', 1, "docstring"),
        ("app/server_utils.py", DOC, 1, "name"),
        ("app/manager.py", DOC, 1, "name"),
        ("api/common/__init__.py", DOC, 1, "name"),
        ("app/base.py", DOC, 1, "name"),
        ("app/scaling.py", DOC + "import os\nimport sqlalchemy.sql\n", 3, "sql"),
        ("app/scaling.py", DOC + "def f():\n    from sqlalchemy import select\n", 3, "sql"),
        ("tasks/server_build.py", DOC + "from sqlalchemy import select\n", 2, "sql"),
        ("app/scaling.py", DOC + "import uvicorn.config\n", 2, "shell"),
        ("app/scaling.py", DOC + "from nacre.services.compute import errors, versions\n", 2, "versions"),
        ("app/scaling.py", DOC + "from nacre.services.compute.versions import AUTO\n", 2, "versions"),
        ("app/scaling.py", DOC + "from ..versions import AUTO\n", 2, "versions"),
        ("tasks/server_build.py", DOC + "from .. import versions\n", 2, "versions"),
        ("client.py", DOC + "from . import versions\n", 2, "versions"),
        ("app/scaling.py", DOC + "print('here')\n", 2, "print"),
        ("app/scaling.py", DOC + "async def grow():\n    pass\n", 2, "async"),
        ("app/scaling.py", DOC + "def broken(:\n", 2, "syntax"),
        ("db/keypairs.py", DOC, 1, "nouns"),
        ("app/scaling.py", DOC + "x = 1\n" * 500, 1, "size"),
        ("app/scaling.py", DOC + "def f():\n" + "    x = 1\n" * 60, 2, "size"),
        ("app/scaling.py", DOC + "class C:\n    def f(self):\n" + "        x = 1\n" * 60, 3, "size"),
    ],
)
def test_a_wrong_file_is_found(
    write: Write, tmp_path: Path, path: str, text: str, line: int, rule: str
) -> None:
    write(f"src/nacre/services/compute/{path}", text)
    place = path.split("/")[0] if rule == "place" else path
    assert violations(tmp_path) == [(place, line, rule)]


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("service.py", "place"),
        ("db/tables.py", "place"),
        ("__init__.py", "package"),
        ("api/__init__.py", "package"),
    ],
)
def test_a_missing_file_is_found(write: Write, tmp_path: Path, part: str, rule: str) -> None:
    (tmp_path / "src/nacre/services/compute" / part).unlink()
    assert violations(tmp_path) == [(part, 1, rule)]


def test_what_is_stored_may_be_worked_on_by_tasks_alone(write: Write, tmp_path: Path) -> None:
    write("src/nacre/services/compute/db/migrations/0001.py", DOC)
    write("src/nacre/services/compute/db/heartbeats.py", DOC)
    write("src/nacre/services/compute/tasks/heartbeat_watch.py", DOC)
    assert violations(tmp_path) == []


def test_what_is_stored_may_be_part_of_what_is_stored_beside_it(write: Write, tmp_path: Path) -> None:
    write("src/nacre/services/compute/db/nics.py", DOC)
    assert violations(tmp_path) == [("db/nics.py", 1, "nouns")]
    write("src/nacre/services/compute/db/servers.py", DOC + "from nacre.services.compute.db import nics\n")
    assert violations(tmp_path) == []


def manifest(*needs: str) -> str:
    return DOC + f"MANIFEST = Manifest(name='x', needs={needs!r})\n"


def test_a_client_is_used_only_by_those_who_need_it(write: Write, tmp_path: Path) -> None:
    write("src/nacre/services/image/client.py", DOC)
    write("src/nacre/services/image/service.py", manifest())
    write(
        "src/nacre/services/compute/app/servers.py",
        DOC + "\nfrom nacre.services.image import client as images\n",
    )
    assert violations(tmp_path) == [("app/servers.py", 3, "needs")]
    write("src/nacre/services/compute/service.py", manifest("image"))
    assert violations(tmp_path) == []
    write("src/nacre/services/image/service.py", manifest("network"))
    write("src/nacre/services/network/service.py", manifest("compute"))
    assert [rule for _, _, rule in violations(tmp_path)] == ["needs"] * 3


LONG = "def f():\n" + "    x = 1\n" * 60  # 61 lines


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ("src/nacre/kernel/log.py::f 61  # to be split\n", []),
        ("src/nacre/kernel/log.py::f 60\n", [("src/nacre/kernel/log.py", 2, "size")]),
        ("# why\nsrc/nacre/kernel/log.py::f 70\n", [("tools/shape_allowed.txt", 2, "allowed")]),
        (
            "src/nacre/kernel/log.py::f 61\nsrc/nacre/kernel/gone.py 700\n",
            [("tools/shape_allowed.txt", 2, "allowed")],
        ),
    ],
)
def test_the_allow_list_forgives_what_it_names_and_only_shrinks(
    write: Write, tmp_path: Path, entries: str, found: list[tuple[str, int, str]]
) -> None:
    write("src/nacre/kernel/log.py", DOC + LONG)
    write("tools/shape_allowed.txt", entries)
    assert violations(tmp_path) == found


def test_the_program_prints_each_violation_and_fails(write: Write, tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)

    good = run()
    assert (good.returncode, good.stdout) == (0, "")
    write("src/nacre/services/compute/app/scaling.py", DOC + "\nprint('here')\n")
    bad = run()
    assert bad.returncode == 1
    assert bad.stdout.startswith("src/nacre/services/compute/app/scaling.py:3: print: ")
