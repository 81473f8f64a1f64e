"""Write the pages of docs/reference that are made from the code: options, microversions, policies.

A page is made from what the services declare, so it says what is so and nothing else; a test tells
when it is stale.  An option is described where it is declared, in one of the ways that the source
uses: a string after it, a comment behind it, a line of the class's docstring, or a comment over a
group of options.

    python tools/reference.py            writes the pages
    python tools/reference.py --check    names those that are stale, and exits with 1 if there are any
"""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from nacre.cloud.agent import AgentSection
from nacre.cloud.deploy.plan import DeploySection
from nacre.cloud.policies import PolicySection
from nacre.cloud.serve import Elsewhere
from nacre.cloud.settings import CloudSection
from nacre.kernel.bus import BusOptions
from nacre.kernel.process import DatabaseOptions, ProcessOptions
from nacre.services import manifests

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
AGENTS = {
    "compute": ROOT / "src/nacre/services/compute/agent",
    "network": ROOT / "src/nacre/services/network/agent",
}
NOTE = "<!-- Made by tools/reference.py from the code: change that, then run it again. -->\n"


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the configuration: its name, the class that declares it, what may not be set in it."""

    name: str
    kind: type
    about: str
    fixed: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Option:
    """One key of a section, and the comment over the group that it stands in."""

    name: str
    kind: str
    default: str
    text: str
    group: str


def sections() -> list[Section]:
    """Return every section that a cloud reads, in the order of the page."""
    return [
        Section("cloud", CloudSection, "What kind of cloud this is. The first start writes this section."),
        Section("policy", PolicySection, "The operator's own rules ([how](../recipes/own-policy.md))."),
        Section("process", ProcessOptions, "Threads, and the addresses in the catalog."),
        Section(
            "agent",
            AgentSection,
            "For `nacre agent` on a machine without services. `nacre agent join` writes it.",
        ),
        Section("database", DatabaseOptions, "Where state is kept."),
        Section(
            "bus",
            BusOptions,
            "How processes reach each other through a broker; within one process without"
            " ([how](../recipes/several-machines.md)).",
        ),
        Section("elsewhere", Elsewhere, "For `nacre serve`: the services that other processes serve."),
        Section(
            "deploy",
            DeploySection,
            "For `nacre deploy`: a cloud of several machines ([how](../recipes/several-machines.md)).",
        ),
        *(
            Section(
                manifest.name,
                manifest.options,
                f"The {manifest.name} service ([page](../services/{manifest.name}.md)).",
            )
            for manifest in manifests()
        ),
        *_sections_of_agents(),
    ]


def _sections_of_agents() -> Iterator[Section]:
    """Yield the sections of agents and drivers, whose packages need not be importable here."""
    compute = _module(AGENTS["compute"] / "options.py")
    simulated = _module(AGENTS["compute"] / "drivers/simulated/options.py")
    libvirt = _module(AGENTS["compute"] / "drivers/libvirt/options.py")
    network = _module(AGENTS["network"] / "options.py")
    linux = _module(AGENTS["network"] / "drivers/linux/settings.py")
    yield Section("compute_agent", compute.AgentOptions, "The agent that keeps servers on a host.")
    yield Section("libvirt", libvirt.LibvirtOptions, "Its driver in real mode.", frozenset(("netns",)))
    yield Section("simulated_compute", simulated.SimulatedOptions, "Its driver in simulated mode.")
    yield Section(
        "[simulated_compute.failures]",
        simulated.Failure,
        "What is to go wrong: one such table for each failure.",
    )
    yield Section("network_agent", network.AgentOptions, "The agent that makes networks on a host.")
    yield Section(
        "linux",
        linux.LinuxSettings,
        "Its driver in real mode.",
        frozenset(("namespace", "state_dir", "metadata_url", "metadata_secret", "metadata_host")),
    )


def _module(path: Path) -> types.ModuleType:
    """Import one file without the package around it."""
    name = "reference_" + "_".join(path.relative_to(ROOT).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# -- options -----------------------------------------------------------------------------------------


def options(section: Section) -> Iterator[Option]:
    """Yield the options of a section as the class declares them."""
    source = Path(inspect.getfile(section.kind)).read_text(encoding="utf-8")
    lines = source.splitlines()
    body = next(
        node.body
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and node.name == section.kind.__name__
    )
    hints = typing.get_type_hints(section.kind)
    defaults = _defaults(section.kind)
    from_docstring = _rows(inspect.getdoc(section.kind) or "", set(hints))
    group = ""
    for place, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        above = lines[node.lineno - 2].strip()
        group = above.removeprefix("# ") if above.startswith("#") else group
        if name in section.fixed:
            continue
        text = (
            _string(body[place + 1] if place + 1 < len(body) else None)
            or _comment(lines[node.lineno - 1])
            or from_docstring.get(name, "")
        )
        text = re.sub(r"\bNone\b", "not set", text).removeprefix("is ").removesuffix(".")
        text = text[:1].upper() + text[1:]
        yield Option(name, _kind(hints[name]), _default(defaults.get(name)), text, group)


def _defaults(kind: type) -> dict[str, Any]:
    """Return each field's default."""
    if dataclasses.is_dataclass(kind):
        return {
            each.name: each.default_factory() if each.default is dataclasses.MISSING
            and each.default_factory is not dataclasses.MISSING else each.default
            for each in dataclasses.fields(kind)
        }  # fmt: skip
    return {
        each.name: each.default_factory() if each.default_factory is not msgspec.NODEFAULT else each.default
        for each in msgspec.structs.fields(kind)
    }


def _rows(docstring: str, names: set[str]) -> dict[str, str]:
    """Read a docstring's table (`name   text`, more text indented) or its sentences (`` `name` text``)."""
    found: dict[str, str] = {}
    current: list[str] = []
    for line in docstring.splitlines():
        row = re.match(r"((?:\w+, )*\w+) {2,}(\S.*)", line) or re.match(r"(`\w+`) (.*)", line)
        wanted = [name for name in row[1].replace("`", "").split(", ") if name in names] if row else []
        if row and wanted:
            found.update(dict.fromkeys(wanted, row[2]))
            current = wanted
        elif not line.strip():
            current = []
        else:
            found.update({name: f"{found[name]} {line.strip()}" for name in current})
    return found


def _string(node: ast.stmt | None) -> str:
    """Return the text of a string that stands by itself."""
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return " ".join(node.value.value.split())
    return ""


def _comment(line: str) -> str:
    """Return the comment behind a declaration."""
    return line.partition("  # ")[2].strip()


def _kind(hint: Any) -> str:
    """Say a type in the words of TOML."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_kind(each) for each in inner if each is not types.NoneType)
    if origin is typing.Literal:
        return " or ".join(f'"{each}"' for each in inner)
    if origin is tuple:
        if inner[-1] is not Ellipsis:
            return f"[{', '.join(_kind(each) for each in inner)}]"
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"table of {_kind(inner[1])}"
    return {str: "text", int: "integer", float: "number", bool: "true or false"}.get(hint, "table")


def _default(value: Any) -> str:
    """Write a default as TOML; nothing where nothing is set."""
    if value is None or value is dataclasses.MISSING or value is msgspec.NODEFAULT:
        return ""
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


# -- pages -------------------------------------------------------------------------------------------

CONFIGURATION = """\
# Configuration

One TOML file, every key optional: `nacre.toml` in the state directory, which the first start writes, or the file
that `--config` names. A key that its section does not know, or a value of the wrong type, stops the start with one line
that names the section and the key. Changes hold from the next start.

The options of the command line (`--listen`, `--ports`) win over the file. A default that is empty means: not set.
"""


def configuration() -> str:
    """Return the page of all options."""
    parts = [NOTE + CONFIGURATION]
    for section in sections():
        parts.append(f"\n## `[{section.name}]`\n\n{section.about}\n")
        group: str | None = None
        for option in options(section):
            if option.group != group:
                group = option.group
                heading = f"\n{group[0].upper()}{group[1:]}:\n" if group else ""
                parts.append(f"{heading}\n| option | type | default | meaning |\n|---|---|---|---|\n")
            parts.append(f"| `{option.name}` | {option.kind} | {option.default} | {option.text} |\n")
    return "".join(parts)


def microversions() -> str:
    """Return the page of all microversions."""
    parts = [
        NOTE,
        "# Microversions\n\n",
        "A request names the version that it wants in the header `OpenStack-API-Version: SERVICE NUMBER`; "
        "without it, it gets the first. `latest` is the last one below; a number beyond it is answered with 406.\n",
    ]
    for manifest in manifests():
        for api in manifest.apis:
            if api.versions is None:
                continue
            versions = api.versions
            parts.append(f"\n## {api.name}: {versions.minimum} to {versions.maximum}\n\n")
            if versions.legacy_header:
                parts.append(f"Older clients ask by the header `{versions.legacy_header}: NUMBER`.\n\n")
            parts.append("| version | brought |\n|---|---|\n")
            parts += [f"| {number} | {sentence} |\n" for number, sentence in versions.table.items()]
    return "".join(parts)


def policies() -> str:
    """Return the page of all rules."""
    parts = [
        NOTE,
        "# Policies\n\n",
        "Who may do what, unless the operator says otherwise ([how](../recipes/own-policy.md)). The names and the "
        "language are those of OpenStack's `policy.yaml`; `@` is everybody, `!` nobody.\n",
    ]
    for manifest in manifests():
        parts.append(f"\n## {manifest.name}\n\n| rule | default | who passes may … |\n|---|---|---|\n")
        for rule in manifest.policies:
            text = rule.default.replace("|", "\\|")
            parts.append(f"| `{rule.name}` | `{text or '@'}` | {rule.description} |\n")
    return "".join(parts)


MADE: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "microversions.md": microversions,
    "policies.md": policies,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only tell which are stale."""
    stale = 0
    for name, make in MADE.items():
        path, text = PAGES / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments == ["--check"]:
            sys.stdout.write(f"docs/reference/{name} is stale; run tools/reference.py\n")
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
