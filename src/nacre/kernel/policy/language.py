"""Read the rule language: from the text in a policy file to a small tree.

    rule  := and_rule ("or" and_rule)*
    and_rule := not_rule ("and" not_rule)*
    not_rule := "not" not_rule | "(" rule ")" | check
    check := "@" | "!" | kind ":" match

Tokens are separated by blanks; parentheses may stick to them.  The empty text allows everything.  The older
form is a list of lists: any of the outer, all of the inner.  Nothing here raises: what cannot be read becomes
a `Never` that says why.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Always:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Never:
    """No; with a reason when that is not what the author asked for."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison, ``kind:match``."""

    kind: str
    match: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a part."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part."""

    parts: tuple["Node", ...]


Node = Always | Never | Check | Not | AllOf | AnyOf


def parse(rule: object) -> Node:
    """Read a rule as a policy file holds it."""
    if rule is None or rule == "" or rule == []:
        return Always()
    if isinstance(rule, str):
        try:
            return _Parser(rule).parse()
        except _Unreadable as error:
            return Never(f"{rule!r} cannot be read: {error}")
        except RecursionError:
            return Never("it is nested too deeply")
    if isinstance(rule, list | tuple):
        return _parse_list(rule)
    return Never(f"it is neither text nor a list: {rule!r}")


def comparisons(node: Node) -> Iterator[Check]:
    """Yield every comparison in the tree."""
    for part in _walk(node):
        if isinstance(part, Check):
            yield part


def complaints(node: Node) -> Iterator[str]:
    """Yield what could not be read."""
    for part in _walk(node):
        if isinstance(part, Never) and part.reason:
            yield part.reason


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Not):
        yield from _walk(node.part)
    elif isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from _walk(part)


class _Unreadable(Exception):
    """The text is no rule."""


_BLANKS = re.compile(r"\s+")
_WORDS = ("and", "or", "not")


def _tokens(text: str) -> Iterator[str | Check | Always | Never]:
    """Yield words and parentheses as text, comparisons as nodes."""
    for chunk in _BLANKS.split(text):
        body = chunk.lstrip("(")
        yield from "(" * (len(chunk) - len(body))
        word = body.rstrip(")")
        if word.lower() in _WORDS:
            yield word.lower()
        elif word:
            if len(body) > 1 and body[0] == body[-1] and body[0] in "\"'":
                raise _Unreadable(f"{body} compares nothing")
            yield _parse_check(word)
        yield from ")" * (len(body) - len(word))


def _parse_check(text: object) -> Always | Never | Check:
    if text == "@":
        return Always()
    if text == "!":
        return Never()
    kind, colon, match = text.partition(":") if isinstance(text, str) else ("", "", "")
    return Check(kind, match) if colon else Never(f"{text!r} is not of the form kind:value")


def _parse_list(rule: "list[object] | tuple[object, ...]") -> Node:
    alternatives: list[Node] = []
    for inner in rule:
        if not inner:
            continue
        conditions = [inner] if isinstance(inner, str) else inner
        if not isinstance(conditions, list | tuple):
            return Never(f"it is not a list of lists: {inner!r}")
        alternatives.append(AllOf(tuple(_parse_check(condition) for condition in conditions)))
    if not alternatives:
        return Always() if not rule else Never("all of its lists are empty")
    return AnyOf(tuple(alternatives))


class _Parser:
    """Recursive descent, one method per line of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._position = 0

    def parse(self) -> Node:
        node = self._any_of()
        if self._position < len(self._tokens):
            raise _Unreadable(f"there is more after a complete rule ({self._here()})")
        return node

    def _any_of(self) -> Node:
        parts = [self._all_of()]
        while self._take("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self) -> Node:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _not(self) -> Node:
        if self._take("not"):
            return Not(self._not())
        if self._take("("):
            node = self._any_of()
            if not self._take(")"):
                raise _Unreadable("a parenthesis is not closed")
            return node
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            if not isinstance(token, str):
                self._position += 1
                return token
        raise _Unreadable(f"a check is missing ({self._here()})")

    def _take(self, word: str) -> bool:
        if self._position < len(self._tokens) and self._tokens[self._position] == word:
            self._position += 1
            return True
        return False

    def _here(self) -> str:
        rest = self._tokens[self._position : self._position + 1]
        return f"at {rest[0]!r}" if rest else "at the end"
