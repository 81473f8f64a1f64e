"""Read an operator's policy files: ``policy.yaml``, ``policy.json``, or a directory of them."""

from pathlib import Path
from typing import Any

SUFFIXES = (".yaml", ".yml", ".json")


def load(*paths: str | Path) -> dict[str, Any]:
    """Return the overrides in these files and directories; later ones win.

    A path that does not exist holds no overrides.  A file that is not a mapping raises ValueError and names
    itself; starting with half of an operator's rules would be worse than not starting.
    """
    overrides: dict[str, Any] = {}
    for path in map(Path, paths):
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        else:
            files = [path] if path.exists() else []
        for file in files:
            overrides |= _load_file(file)
    return overrides


def _load_file(path: Path) -> dict[str, Any]:
    import yaml  # takes 20 ms, and most clouds have no policy file

    try:
        # JSON is YAML too, but for tabs, which YAML forbids and JSON's indentation may hold.
        content = yaml.safe_load(path.read_text(encoding="utf-8").replace("\t", " "))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"policy file {path} cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"policy file {path} is not a mapping from rule names to rules")
    return {str(name): rule for name, rule in content.items()}
