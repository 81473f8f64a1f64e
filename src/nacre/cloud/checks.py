"""Every check of this checkout, in one run: what `./nacre test` does and continuous integration repeats.

The quick checks that read code come first, then all tests.  Nothing stops at the first failure, for a
report that is complete saves a round; pytest comes last, so that its verdict is the last line.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nacre.cloud import packages
from nacre.kernel.errors import NacreError

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.prefix) / "bin"

READERS: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
    ("ruff check", (TOOLS / "ruff", "check", "--quiet", "--output-format", "concise")),
    ("ruff format", (TOOLS / "ruff", "format", "--check", "--output-format", "concise")),
    ("mypy", (TOOLS / "mypy",)),
    ("layers", (TOOLS / "lint-imports",)),
    ("shape", (sys.executable, ROOT / "tools" / "shape.py")),
)


class NotACheckout(NacreError):
    """The tests are not here: only a checkout has them."""

    status = 404


def run(arguments: Sequence[str]) -> int:
    """Run every check, or pytest alone with `arguments`; return the exit code, 0 if all is well."""
    if not (ROOT / "pyproject.toml").is_file() or not (TOOLS / "pytest").is_file():
        raise NotACheckout("Tests run from a checkout: ./nacre test.")
    _install_what_tests_need()
    if arguments:
        return _pytest(*arguments)
    failed = [name for name, command in READERS if not _passes(name, command)]
    # A file's tests share its fixtures and so one worker; tests/conftest.py also keeps guests apart.
    verdict = _pytest("-n", str(max(2, os.cpu_count() or 1)))
    return verdict or int(bool(failed))


def _install_what_tests_need() -> None:
    """Install packages where we may; elsewhere the tests that need them skip, saying so."""
    reason = packages.cannot_install()
    if reason is None:
        packages.install(packages.TESTS, _say)
        packages.ensure_libvirt_binding(_say)
        return
    absent = packages.missing(packages.TESTS)
    if absent:
        _say(f"tests that need these packages will be skipped ({reason}): {' '.join(absent)}")


def _passes(name: str, command: Sequence[str | Path]) -> bool:
    """Run one check, silent unless it fails; print its verdict and the time it took."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        _say(done.stdout.rstrip())
    _say(f"{name:12} {'FAILED' if done.returncode else 'ok':6} {time.monotonic() - began:6.1f} s")
    return not done.returncode


def _pytest(*arguments: str) -> int:
    # Some sockets live in tests' directories, and a socket's path may have 107 characters at the most.
    with tempfile.TemporaryDirectory(prefix="nt-") as short:
        command: list[str | Path] = [TOOLS / "pytest", "--basetemp", f"{short}/t", *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
