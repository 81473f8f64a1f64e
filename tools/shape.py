"""Check that the source has the shape that ARCHITECTURE.md promises: who knows one service knows all.

Each rule is one function below; its docstring is the rule.  Every violation is printed as ``file:line:
rule: text``, and the exit code is 1 if there is any.  What is too long today may be listed in
shape_allowed.txt with its present length; that list only shrinks, so an entry that is larger than needed
is a violation too.

    python tools/shape.py [ROOT]
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FILE_LINES = 500
FUNCTION_LINES = 60
ALLOWED = Path("tools/shape_allowed.txt")

FILES = {"__init__", "service", "versions", "policy", "config", "errors", "client", "rpc", "setup"}
FOLDERS = {"api", "app", "db", "tasks", "agent", "drivers", "rpc", "client"}
FORBIDDEN = {
    "base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utilities", "utils",
}  # fmt: skip

#: Where SQL is written, besides the db folder of each service.
SQL = ("kernel/db/", "kernel/tasks/", "kernel/drift/", "kernel/quota.py", "kernel/testing/")
#: Layers that never wait for a socket themselves.
SYNCHRONOUS = {"app", "db", "tasks"}


@dataclass(frozen=True, order=True)
class Violation:
    """One place that breaks one rule; `size` is what an entry of the allow-list may forgive."""

    path: str
    line: int
    rule: str
    text: str
    name: str = ""
    size: int = 0

    @property
    def subject(self) -> str:
        """What the allow-list calls it: a file, or a function within one."""
        return f"{self.path}::{self.name}" if self.name else self.path

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True)
class Module:
    """One source file: its path below the root, and below src/nacre as `parts`."""

    root: Path
    path: Path

    @property
    def parts(self) -> tuple[str, ...]:
        """The path below src/nacre: ("services", "compute", "app", "servers.py")."""
        return self.path.relative_to("src/nacre").parts

    @property
    def service(self) -> str | None:
        """The name of the service that the file belongs to."""
        return self.parts[1] if len(self.parts) > 2 and self.parts[0] == "services" else None

    @property
    def layer(self) -> str | None:
        """The folder, or the file's own name, within the service: "app", "rpc"."""
        return self.parts[2].removesuffix(".py") if self.service else None

    @cached_property
    def source(self) -> str:
        """The text."""
        return (self.root / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The text, parsed; SyntaxError if that fails."""
        return ast.parse(self.source, str(self.path))

    def violation(self, line: int, rule: str, text: str, name: str = "", size: int = 0) -> Violation:
        """Say that a line of this file breaks a rule."""
        return Violation(self.path.as_posix(), line, rule, text, name, size)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield every imported module with its line; names imported from a package count as modules."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    package = ("nacre", *self.parts)[: -node.level]
                    module = ".".join([*package, *([module] if module else [])])
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


# -- rules for each file ---------------------------------------------------------------------------


def documented(module: Module) -> Iterator[Violation]:
    """Every module begins with a docstring, and that with a sentence."""
    if not module.source.strip():
        return
    text = ast.get_docstring(module.tree)
    if not text:
        yield module.violation(1, "docstring", "the module does not say what it is for")
    elif text.split("\n\n")[0].rstrip()[-1] not in ".:?!":
        yield module.violation(1, "docstring", "the first paragraph is not a sentence")


def packaged(module: Module) -> Iterator[Violation]:
    """Every folder with modules is a package; in any other folder import-linter sees nothing at all."""
    for folder in list(module.path.parents)[: len(module.parts) - 1]:
        if folder.name != "migrations" and not (module.root / folder / "__init__.py").is_file():
            yield Violation(
                (folder / "__init__.py").as_posix(), 1, "package", "every folder with modules has this file"
            )


def named(module: Module) -> Iterator[Violation]:
    """A module's name says what is in it; only a driver's interface may be called base.py."""
    name = module.path.parent.name if module.path.stem == "__init__" else module.path.stem
    meaningless = sorted(set(name.split("_")) & FORBIDDEN)
    if meaningless and not (name == "base" and "drivers" in module.parts):
        text = f"{meaningless[0]!r} says nothing of what is inside; use a noun"
        yield module.violation(1, "name", text)


def sized(module: Module) -> Iterator[Violation]:
    """A file has at most 500 lines, a function at most 60; what is full is split by noun."""
    lines = len(module.source.splitlines())
    if lines > FILE_LINES:
        text = f"the file has {lines} lines, more than {FILE_LINES}; split it by noun"
        yield module.violation(1, "size", text, size=lines)
    for name, node in _functions(module.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            text = f"{name} has {lines} lines, more than {FUNCTION_LINES}"
            yield module.violation(node.lineno, "size", text, name, lines)


def keeps_sql_in_db(module: Module) -> Iterator[Violation]:
    """SQLAlchemy is imported only in the db folders and where the kernel itself stores things."""
    if module.layer == "db" or "/".join(module.parts).startswith(SQL):
        return
    for line, imported in module.imports():
        if imported.split(".")[0] == "sqlalchemy":
            yield module.violation(line, "sql", "SQL is written in db/ only")


def keeps_uvicorn_in_http(module: Module) -> Iterator[Violation]:
    """Only the shell knows which web server runs it."""
    if module.parts[:2] == ("kernel", "http"):
        return
    for line, imported in module.imports():
        if imported.split(".")[0] == "uvicorn":
            yield module.violation(line, "shell", "uvicorn is imported in kernel/http only")


def keeps_versions_at_the_edge(module: Module) -> Iterator[Violation]:
    """Microversions are known to api/ and the manifest; below them everything is a named argument."""
    if module.service is None or module.layer in ("api", "service", "versions"):
        return
    table = f"nacre.services.{module.service}.versions"
    for line, imported in module.imports():
        if f"{imported}.".startswith(f"{table}."):
            yield module.violation(line, "versions", "only api/ and service.py know microversions")


def logs_rather_than_prints(module: Module) -> Iterator[Violation]:
    """Only the command line and what assembles a cloud for it talk to a terminal."""
    if module.parts[0] in ("cmd", "cloud"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield module.violation(node.lineno, "print", "log it, or return it to whoever has a terminal")


def stays_synchronous(module: Module) -> Iterator[Violation]:
    """Decisions, queries and background work are plain functions; only edges that stream may be async."""
    if module.layer not in SYNCHRONOUS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield module.violation(node.lineno, "async", f"{node.name} is async; {module.layer}/ is not")


RULES: tuple[Callable[[Module], Iterator[Violation]], ...] = (
    documented,
    packaged,
    named,
    sized,
    keeps_sql_in_db,
    keeps_uvicorn_in_http,
    keeps_versions_at_the_edge,
    logs_rather_than_prints,
    stays_synchronous,
)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its dotted name."""
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, parent = pending.pop()
        for node in ast.iter_child_nodes(parent):
            name = prefix
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{node.name}" if prefix else node.name
                if not isinstance(node, ast.ClassDef):
                    yield name, node
            pending.append((name, node))


# -- rules for each service ------------------------------------------------------------------------


def has_known_entries(root: Path, service: Path) -> Iterator[Violation]:
    """At the top of a service are only the files and folders that every service may have."""
    for entry in sorted((root / service).iterdir()):
        name = entry.name
        if name.startswith((".", "__pycache__")) or name == "py.typed":
            continue
        known = name in FOLDERS | {"errors"} if entry.is_dir() else name.removesuffix(".py") in FILES
        if not known:
            text = "a service has no such part; see ARCHITECTURE.md, One service, inside"
            yield Violation((service / name).as_posix(), 1, "place", text)


def has_a_manifest(root: Path, service: Path) -> Iterator[Violation]:
    """Every service says what it has in service.py."""
    if not (root / service / "service.py").is_file():
        yield Violation((service / "service.py").as_posix(), 1, "place", "every service has this file")


def has_tables_in_one_file(root: Path, service: Path) -> Iterator[Violation]:
    """A db folder has tables.py, so that the schema can be read in one place."""
    folder = service / "db"
    if (root / folder).is_dir() and not (root / folder / "tables.py").is_file():
        yield Violation((folder / "tables.py").as_posix(), 1, "place", "tables are declared in this file")


def shares_nouns(root: Path, service: Path) -> Iterator[Violation]:
    """What is stored under a noun is decided on, shown or worked on under it, or shared by several that are."""
    nouns = {layer: _nouns(root / service / layer) for layer in FOLDERS}
    near = nouns["app"] | nouns["api"] | nouns["tasks"]
    shared = _shared_tables(root, service)
    for noun in sorted(nouns["db"] - {"tables", "migrations"} - near - shared):
        if not any(name.startswith(noun.removesuffix("s")) for name in nouns["tasks"]):
            text = f"neither app/, api/ nor tasks/ has {noun}; layers share their nouns"
            yield Violation((service / "db" / f"{noun}.py").as_posix(), 1, "nouns", text)


def _shared_tables(root: Path, service: Path) -> set[str]:
    """Return the db modules that a sibling imports, or that several modules of app share: nobody's own noun."""
    package = ("nacre", *service.relative_to("src/nacre").parts, "db")
    users: dict[str, set[str]] = {}
    for layer in ("db", "app"):
        for file in sorted((root / service / layer).rglob("*.py")):
            for _, name in Module(root, file.relative_to(root)).imports():
                words = tuple(name.split("."))
                if words[: len(package)] == package and len(words) > len(package):
                    users.setdefault(words[len(package)], set()).add(f"{layer}/{file.name}")
    return {
        noun
        for noun, files in users.items()
        if any(file.startswith("db/") for file in files) or len(files) > 1
    }


def names_what_it_needs(root: Path, service: Path) -> Iterator[Violation]:
    """A service whose client is imported is named in the manifest's `needs`, and needs have no circle."""
    source, name = service.parent, service.name
    needs = _needs(root / service)
    for file in sorted((root / service).rglob("*.py")):
        module = Module(root, file.relative_to(root))
        for line, imported in module.imports():
            words = imported.split(".")
            if words[:2] != ["nacre", "services"] or words[3:4] != ["client"]:
                continue
            if words[2] != name and words[2] not in needs:
                yield module.violation(line, "needs", f"{words[2]} is not among the needs in service.py")
    reached, pending = set(), list(needs)
    while pending:
        other = pending.pop()
        if other not in reached:
            reached.add(other)
            pending += _needs(root / source / other)
    if name in reached:
        yield Violation(
            (service / "service.py").as_posix(), 1, "needs", f"{name} needs itself through others"
        )


def _needs(service: Path) -> list[str]:
    """Read the literal `needs=(...)` of a manifest."""
    manifest = service / "service.py"
    if not manifest.is_file():
        return []
    keywords = (
        node for node in ast.walk(ast.parse(manifest.read_text("utf-8"))) if isinstance(node, ast.keyword)
    )
    return [
        constant.value
        for keyword in keywords
        if keyword.arg == "needs"
        for constant in ast.walk(keyword.value)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    ]


def _nouns(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    names = {
        entry.name.removesuffix(".py")
        for entry in folder.iterdir()
        if entry.is_dir() or entry.suffix == ".py"
    }
    return {name for name in names if not name.startswith("_")}


SERVICE_RULES: tuple[Callable[[Path, Path], Iterator[Violation]], ...] = (
    has_known_entries,
    has_a_manifest,
    has_tables_in_one_file,
    shares_nouns,
    names_what_it_needs,
)


# -- the whole -------------------------------------------------------------------------------------


def check(root: Path) -> list[Violation]:
    """Return everything under src/nacre that breaks a rule and is not forgiven by the allow-list."""
    source = root / "src" / "nacre"
    found: list[Violation] = []
    for file in sorted(source.rglob("*.py")):
        module = Module(root, file.relative_to(root))
        try:
            found += [violation for rule in RULES for violation in rule(module)]
        except SyntaxError as error:
            found.append(module.violation(error.lineno or 1, "syntax", str(error.msg)))
    for service in sorted((source / "services").glob("[!._]*/")):
        if any(violation.rule == "syntax" for violation in found) or not any(service.rglob("*.py")):
            continue
        relative = service.relative_to(root)
        found += [violation for rule in SERVICE_RULES for violation in rule(root, relative)]
    return sorted(set(_forgive(found, root)))


def _forgive(found: list[Violation], root: Path) -> Iterator[Violation]:
    """Yield what the allow-list does not forgive, and what is wrong with the allow-list itself."""
    allowed = _read_allowed(root)
    needed: set[str] = set()
    for violation in found:
        line, size = allowed.get(violation.subject, (0, 0))
        if violation.rule != "size" or violation.size > size:
            yield violation
            continue
        needed.add(violation.subject)
        if violation.size < size:
            text = f"{violation.subject} has shrunk to {violation.size}; so must its entry"
            yield Violation(ALLOWED.as_posix(), line, "allowed", text)
    for subject, (line, size) in allowed.items():
        if subject not in needed and not any(violation.subject == subject for violation in found):
            yield Violation(
                ALLOWED.as_posix(), line, "allowed", f"{subject} ({size}) needs no entry any more"
            )


def _read_allowed(root: Path) -> dict[str, tuple[int, int]]:
    """Read the allow-list: subject → its line there and the size that it may have."""
    file = root / ALLOWED
    entries: dict[str, tuple[int, int]] = {}
    if file.is_file():
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            words = text.partition("#")[0].split()
            if len(words) == 2:
                entries[words[0]] = (number, int(words[1]))
    return entries


def main(arguments: list[str]) -> int:
    """Print every violation; return the exit code."""
    root = Path(arguments[0]) if arguments else Path(__file__).parents[1]
    violations = check(root)
    for violation in violations:
        sys.stdout.write(f"{violation}\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
