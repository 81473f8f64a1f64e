"""A section or a key that is misspelt stops the start, and the right one is named."""

import subprocess
import sys
from pathlib import Path

import pytest

from nacre.cloud import settings
from nacre.cloud.options import Options
from nacre.cloud.sections import KNOWN
from nacre.kernel.bus import BusOptions
from nacre.kernel.config import ConfigError, ConfigFile


def read(path: Path, text: str) -> None:
    (path / "nacre.toml").write_text(text)
    settings.read(Options(state=path))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("computer", "compute"), ("data_base", "database"), ("Bus", "bus"), ("libvrit", "libvirt")],
)
def test_a_misspelt_section_is_named_with_the_nearest(tmp_path: Path, written: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[{written}]\n")
    assert f"no section [{written}]; did you mean [{meant}]?" in str(caught.value)


def test_a_section_like_no_other_is_refused_without_a_guess(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "[zzz]\n")
    assert str(caught.value).endswith("no section [zzz]")


def test_a_misspelt_key_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "[cloud]\nmodus = 'real'\n")
    assert "section [cloud]: there is no key modus; did you mean mode?" in str(caught.value)


def test_a_key_outside_of_any_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no section"):
        read(tmp_path, "mode = 'real'\n")


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"section \[bus\]"):
        ConfigFile({"bus": {"heartbeat_seconds": "often"}}).section("bus", BusOptions)


def test_the_reference_knows_the_same_sections() -> None:
    script = "import reference; print(*(s.name for s in reference.sections() if s.name.isidentifier()))"
    tools = Path(__file__).parents[2] / "tools"
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=tools, capture_output=True, text=True, check=True
    )
    assert set(shown.stdout.split()) == set(KNOWN)
