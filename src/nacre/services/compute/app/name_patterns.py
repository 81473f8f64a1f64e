"""Regular expressions for names, matched in time that grows only with the lengths of pattern and name.

Users of OpenStack filter servers by `?name=^web-[0-9]+$`.  Databases disagree about regular expressions,
and the backtracking kind can be kept busy for hours by thirty characters of malice.  So patterns are read
here and run as a set of states (Thompson's construction): `.`, classes, groups, `|`, `* + ? {m,n}`, `^`,
`$` and backslashes. Case does not matter, as with the database that most OpenStack clouds use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

SPECIAL = frozenset("\\^$.|?*+()[]{}")
LONGEST_PATTERN = 255
MOST_STATES = 2_000
MOST_REPEATS = 255

Accepts = Callable[[str], bool]


class BadPattern(ValueError):
    """The text is no regular expression that we read."""


def is_plain(text: str) -> bool:
    """Tell whether a text means only itself."""
    return not SPECIAL.intersection(text)


class _State:
    """One state: takes a character, or goes on without one (`at` says where it may), or is the end."""

    __slots__ = ("takes", "at", "next")

    def __init__(self, takes: Accepts | None = None, at: str = "") -> None:
        self.takes, self.at = takes, at
        self.next: list[_State] = []


class _Part:
    """A piece of the machine: where it begins, and the loose ends to be joined to what follows."""

    def __init__(self, first: _State, last: _State) -> None:
        self.first, self.last = first, last


class _Reader:
    """Reads a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise BadPattern("the pattern is too long")
        self.text, self.place, self.states = pattern, 0, 0

    def state(self, takes: Accepts | None = None, at: str = "") -> _State:
        self.states += 1
        if self.states > MOST_STATES:
            raise BadPattern("the pattern is too large")
        return _State(takes, at)

    def peek(self) -> str:
        return self.text[self.place] if self.place < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise BadPattern("the pattern ends too early")
        self.place += 1
        return char

    def alternatives(self) -> _Part:
        choices = [self.sequence()]
        while self.peek() == "|":
            self.take()
            choices.append(self.sequence())
        if len(choices) == 1:
            return choices[0]
        first, last = self.state(), self.state()
        for choice in choices:
            first.next.append(choice.first)
            choice.last.next.append(last)
        return _Part(first, last)

    def sequence(self) -> _Part:
        first = last = self.state()
        while self.peek() not in ("", "|", ")"):
            part = self.repeated()
            last.next.append(part.first)
            last = part.last
        return _Part(first, last)

    def repeated(self) -> _Part:
        start = self.place
        part = self.atom()
        end = self.place
        least, most = 1, 1
        while self.peek() and self.peek() in "*+?{":
            if (least, most) != (1, 1):
                raise BadPattern("nothing to repeat")
            sign = self.take()
            if sign == "{":
                least, most = self.bounds()
            else:
                least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[sign]
            if (least, most) == (1, 1):
                break
            after = self.place
            part = self.copies(start, end, least, most)
            self.place = after
        return part

    def copies(self, start: int, end: int, least: int, most: int) -> _Part:
        """Join as many copies of an atom as its repetition asks for."""

        def copy() -> _Part:
            self.place = start
            made = self.atom()
            assert self.place == end
            return made

        first, last = self.state(), self.state()
        here = first
        for _ in range(least):
            part = copy()
            here.next.append(part.first)
            here = part.last
        if most < 0:
            loop = copy()
            turn = self.state()
            here.next.append(turn)
            turn.next += [loop.first, last]
            loop.last.next.append(turn)
        else:
            for _ in range(most - least):
                part = copy()
                here.next += [part.first, last]
                here = part.last
            here.next.append(last)
        return _Part(first, last)

    def bounds(self) -> tuple[int, int]:
        text = ""
        while self.peek() != "}":
            text += self.take()
        self.take()
        low, comma, high = text.partition(",")
        try:
            least = int(low or "0")
            most = (int(high) if high else -1) if comma else least
        except ValueError:
            raise BadPattern(f"{{{text}}} is no repetition") from None
        if least < 0 or least > MOST_REPEATS or most > MOST_REPEATS or -1 < most < least:
            raise BadPattern(f"{{{text}}} is no repetition")
        return least, most

    def atom(self) -> _Part:
        char = self.take()
        if char == "(":
            if self.text[self.place : self.place + 2] == "?:":
                self.place += 2
            part = self.alternatives()
            if self.take() != ")":
                raise BadPattern("a group is not closed")
            return part
        if char in "*+?{)":
            raise BadPattern(f"{char} has no place here")
        if char in "^$":
            state = self.state(at=char)
            return _Part(state, state)
        takes: Accepts
        if char == "[":
            takes = self.character_class()
        elif char == ".":
            takes = _anything
        elif char == "\\":
            takes = _escaped(self.take())
        else:
            takes = _exactly(char)
        first, last = self.state(takes), self.state()
        first.next.append(last)
        return _Part(first, last)

    def character_class(self) -> Accepts:
        negated = self.peek() == "^"
        if negated:
            self.take()
        members: list[Accepts] = []
        while self.peek() != "]" or not members:
            char = self.take()
            if char == "\\":
                members.append(_escaped(self.take()))
            elif self.peek() == "-" and self.text[self.place + 1 : self.place + 2] not in ("", "]"):
                self.take()
                members.append(_between(char, self.take()))
            else:
                members.append(_exactly(char))
        self.take()
        return lambda char: any(member(char) for member in members) != negated


def _anything(char: str) -> bool:
    return True


def _exactly(wanted: str) -> Accepts:
    folded = wanted.lower()
    return lambda char: char == folded


def _between(low: str, high: str) -> Accepts:
    return lambda char: low <= char <= high or low <= char.upper() <= high


def _escaped(letter: str) -> Accepts:
    kinds: dict[str, Accepts] = {
        "d": str.isdigit,
        "w": lambda char: char.isalnum() or char == "_",
        "s": str.isspace,
    }
    kind = kinds.get(letter.lower())
    if kind is None:
        return _exactly(letter)
    return (lambda char: not kind(char)) if letter.isupper() else kind


class Pattern:
    """A pattern that has been read; `matches` looks for it anywhere in a name."""

    def __init__(self, pattern: str) -> None:
        reader = _Reader(pattern)
        part = reader.alternatives()
        if reader.peek():
            raise BadPattern("a group is closed that was never opened")
        self._first, self._end = part.first, part.last

    def matches(self, name: str) -> bool:
        """Tell whether the pattern is found in a name."""
        text = name.lower()
        current: set[_State] = set()
        for place in range(len(text) + 1):
            self._enter(self._first, place, len(text), current)
            if self._end in current:
                return True
            if place == len(text):
                return False
            following: set[_State] = set()
            for state in current:
                if state.takes is not None and state.takes(text[place]):
                    for each in state.next:
                        self._enter(each, place + 1, len(text), following)
            current = following
        return False

    def _enter(self, state: _State, place: int, length: int, states: set[_State]) -> None:
        """Add a state and all that can be reached from it without a character."""
        todo = [state]
        while todo:
            here = todo.pop()
            if here in states:
                continue
            if (here.at == "^" and place != 0) or (here.at == "$" and place != length):
                continue
            states.add(here)
            if here.takes is None:
                todo += here.next


@lru_cache(maxsize=256)
def read(pattern: str) -> Pattern:
    """Read a pattern; raises BadPattern."""
    return Pattern(pattern)
