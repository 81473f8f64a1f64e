"""The documentation keeps up with the code: made pages are fresh, services have pages, links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nacre.services import NAMES

ROOT = Path(__file__).parents[2]
WRITTEN = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]

spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
reference = importlib.util.module_from_spec(spec)
sys.modules["reference"] = reference
spec.loader.exec_module(reference)


def test_made_pages_are_fresh() -> None:
    command = [sys.executable, ROOT / "tools" / "reference.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr


def test_every_section_that_the_code_reads_is_in_the_reference() -> None:
    asked = re.compile(r"""(?:\.section\(|config\.values\(|_options\(\s*config,)\s*"(\w+)\"""")
    read = {
        name for path in (ROOT / "src" / "nacre").rglob("*.py") for name in asked.findall(path.read_text())
    }
    assert read >= {"cloud", "database", "compute_agent"}
    assert not read - {section.name for section in reference.sections()}


def test_every_option_is_described() -> None:
    silent = [
        f"[{section.name}] {option.name}"
        for section in reference.sections()
        for option in reference.options(section)
        if not option.text and not option.group
    ]
    assert not silent


@pytest.mark.parametrize("service", NAMES)
def test_every_service_has_a_page(service: str) -> None:
    assert (
        (ROOT / "docs" / "services" / f"{service}.md").read_text().startswith(f"# {service.capitalize()}\n")
    )


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    broken = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert not broken
