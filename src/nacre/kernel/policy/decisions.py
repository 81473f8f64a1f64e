"""Turn the tree of a rule into functions, so that a check at run time does no parsing and little work.

A *decision* takes the caller's credentials and the target and says yes or no.  What the text alone can settle
(how the right side is put together, whether the left side is a literal) is settled here.
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from nacre.kernel.policy.credentials import Credentials
from nacre.kernel.policy.language import AllOf, Always, AnyOf, Check, Never, Node, Not

Target = Mapping[str, Any]
Decision = Callable[[Credentials, Target], bool]

#: Makes the decision for a check of the service's own kind from the text after the colon.
Kind = Callable[[str], Decision]

_ONE_ATTRIBUTE = re.compile(r"%\(([^()]*)\)s")
_MISSING = object()


class Undecidable(Exception):
    """The rule makes no sense for these credentials and this target; not even its negation does."""


def decide(node: Node, reference: Callable[[str], Decision], kinds: Mapping[str, Kind]) -> Decision:
    """Compile a tree; `reference` compiles the rule that a ``rule:`` check names."""
    match node:
        case Always():
            return always
        case Never():
            return never
        case Not(part):
            return _opposite(decide(part, reference, kinds))
        case AllOf(parts):
            return _all_of([decide(part, reference, kinds) for part in parts])
        case AnyOf(parts):
            return _any_of([decide(part, reference, kinds) for part in parts])
        case Check(kind, match):
            if kind in kinds:
                return kinds[kind](match)
            if kind == "rule":
                return reference(match)
            if kind == "role":
                return _role(match)
            if kind in ("http", "https"):
                return never
            return _attribute(kind, match)


def always(credentials: Credentials, target: Target) -> bool:
    """Yes."""
    return True


def never(credentials: Credentials, target: Target) -> bool:
    """No."""
    return False


def _opposite(part: Decision) -> Decision:
    return lambda credentials, target: not part(credentials, target)


def _all_of(parts: list[Decision]) -> Decision:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda credentials, target: first(credentials, target) and second(credentials, target)

    def decision(credentials: Credentials, target: Target) -> bool:
        for part in parts:  # noqa: SIM110  a generator would cost as much as the checks
            if not part(credentials, target):
                return False
        return True

    return decision


def _any_of(parts: list[Decision]) -> Decision:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda credentials, target: first(credentials, target) or second(credentials, target)

    def decision(credentials: Credentials, target: Target) -> bool:
        for part in parts:  # noqa: SIM110  a generator would cost as much as the checks
            if part(credentials, target):
                return True
        return False

    return decision


def _role(match: str) -> Decision:
    """``role:admin``: the caller has the role, in any case."""
    if "%" not in match:
        role = match.lower()
        return lambda credentials, target: role in credentials.role_names
    text = _substitution(match)

    def decision(credentials: Credentials, target: Target) -> bool:
        wanted = text(target)
        return wanted is not None and wanted.lower() in credentials.role_names

    return decision


def _attribute(kind: str, match: str) -> Decision:
    """``kind:match``: a literal, or an attribute of the caller, is what the right side says."""
    try:
        literal = str(ast.literal_eval(kind))
    except ValueError:
        return _compare(kind.split("."), _substitution(match))
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        return _undecidable(kind, _substitution(match))
    text = _substitution(match)
    return lambda credentials, target: text(target) == literal


def _compare(path: list[str], text: Callable[[Target], str | None]) -> Decision:
    """Compare the attribute at a dotted path with the right side."""
    if len(path) == 1:
        return _compare_plain(path[0], text)

    def decision(credentials: Credentials, target: Target) -> bool:
        wanted = text(target)
        return wanted is not None and _found(credentials, path, wanted)

    return decision


def _compare_plain(name: str, text: Callable[[Target], str | None]) -> Decision:
    """The same for the usual case, a path of one step."""

    def decision(credentials: Credentials, target: Target) -> bool:
        wanted = text(target)
        if wanted is None:
            return False
        value = credentials.get(name, _MISSING)
        if isinstance(value, list):
            return any(str(item) == wanted for item in value)
        return value is not _MISSING and str(value) == wanted

    return decision


def _found(value: Any, path: list[str], wanted: str) -> bool:
    """Follow a path through mappings, and through every element of a list on the way."""
    if not path:
        return str(value) == wanted
    if not isinstance(value, Mapping):
        raise Undecidable(f"{type(value).__name__} has no attribute {path[0]!r}")
    value = value.get(path[0], _MISSING)
    if value is _MISSING:
        return False
    if isinstance(value, list):
        return any(_found(item, path[1:], wanted) for item in value)
    return _found(value, path[1:], wanted)


def _undecidable(kind: str, text: Callable[[Target], str | None]) -> Decision:
    """A left side that is neither a literal nor a path, such as ``user-:x``."""

    def decision(credentials: Credentials, target: Target) -> bool:
        if text(target) is None:
            return False
        raise Undecidable(f"{kind!r} is neither a literal nor an attribute")

    return decision


def _substitution(match: str) -> Callable[[Target], str | None]:
    """Make the function that fills in the target's attributes; None when the target lacks one."""
    if "%" not in match:
        return lambda target: match
    if single := _ONE_ATTRIBUTE.fullmatch(match):
        name = single[1]

        def one(target: Target) -> str | None:
            try:
                return str(target[name])
            except KeyError:
                return None

        return one

    def several(target: Target) -> str | None:
        try:
            return match % target
        except KeyError:
            return None
        except (TypeError, ValueError) as error:
            raise Undecidable(f"{match!r} cannot be filled in: {error}") from None

    return several
