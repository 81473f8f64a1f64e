"""Tables of nftables, changed by difference and all at once.

A `Table` holds what we want (chains of rules, sets and maps of elements) and what the kernel has as far
as we know; `commit` sends the difference as one transaction, so that packets see the old rules or the new
ones and nothing between.  One element of a set of ten thousand costs one element.

After a restart `load` learns what is there, so that nothing is written again: sets and maps element by
element, and chains by a digest of their rules.  Each rule carries that as its comment, with its place among
the others ("2/3"), so that a rule which somebody took out, put in or wrote anew is seen.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nacre.services.network.agent.drivers.base import DriverError
from nacre.services.network.agent.drivers.linux import namespaces

ELEMENTS_PER_LINE = 500
CHANGED = "not ours"
"""Stands for the digest of a chain whose rules are not those that we wrote."""

Elements = dict[str, str]
"""Key to value as nft spells them; the value is empty in a set."""


def run(namespace: str | None, script: str) -> None:
    """Apply a script as one transaction."""
    namespaces.command(["nft", "-f", "-"], inside=namespace, text=script)


def accepts(namespace: str, script: str) -> bool:
    """Tell whether the kernel would take a script, without applying it."""
    try:
        namespaces.command(["nft", "-c", "-f", "-"], inside=namespace, text=script)
    except DriverError:
        return False
    return True


def remove_table(namespace: str | None, family: str, name: str) -> None:
    """Remove a table; content when there is none."""
    run(namespace, f"add table {family} {name}\ndelete table {family} {name}\n")


@dataclass
class _State:
    """Digests of chains and elements of sets, either as wanted or as applied; None as elements means
    "there, but unknown"."""

    chains: dict[str, str] = field(default_factory=dict)
    sets: dict[str, Elements | None] = field(default_factory=dict)


class Table:
    """One table in one namespace."""

    def __init__(self, namespace: str, family: str, name: str) -> None:
        self._namespace, self._family, self._name = namespace, family, name
        self._wanted, self._applied = _State(), _State()
        self._rules: dict[str, tuple[str, ...]] = {}
        self._hooks: dict[str, str] = {}
        self._declarations: dict[str, str] = {}
        self._dirty: set[str] = set()

    # --- saying what is wanted ---

    def put_chain(self, name: str, rules: Iterable[str], *, hook: str = "") -> None:
        """Want a chain with these rules; `hook` (type, hook, priority) makes it a base chain."""
        self._rules[name] = tuple(rules)
        self._wanted.chains[name] = _digest(self._rules[name])
        self._hooks[name] = hook
        self._dirty.add(name)

    def put_set(self, name: str, declaration: str, elements: Iterable[str] | None = None) -> None:
        """Want a set; without elements it keeps those it has."""
        self._declarations[name] = f"set {self._qualified(name)} {{ {declaration}; }}"
        self._put_elements(name, None if elements is None else dict.fromkeys(elements, ""))

    def put_map(self, name: str, declaration: str) -> None:
        """Want a map; its elements are put one by one."""
        self._declarations[name] = f"map {self._qualified(name)} {{ {declaration}; }}"
        self._put_elements(name, self._wanted.sets.get(name) or {})

    def put_element(self, name: str, key: str, value: str = "") -> None:
        self._elements(name)[key] = value
        self._dirty.add(name)

    def drop_element(self, name: str, key: str) -> None:
        self._elements(name).pop(key, None)
        self._dirty.add(name)

    def drop_chain(self, name: str) -> None:
        self._wanted.chains.pop(name, None)
        self._dirty.add(name)

    def drop_set(self, name: str) -> None:
        self._wanted.sets.pop(name, None)
        self._dirty.add(name)

    def elements(self, name: str) -> Mapping[str, str]:
        """Return what a set or map is wanted to hold."""
        return self._wanted.sets.get(name) or {}

    @property
    def chain_names(self) -> set[str]:
        """All chains that are there or wanted."""
        return self._wanted.chains.keys() | self._applied.chains.keys()

    @property
    def set_names(self) -> set[str]:
        """All sets that are there or wanted."""
        return self._wanted.sets.keys() | self._applied.sets.keys()

    # --- making it so ---

    def commit(self) -> None:
        """Send the difference.  What the kernel refuses is taken back, so that it spoils no later commit."""
        try:
            self._send()
        except DriverError:
            if self.refresh():  # somebody took something away behind our back
                self._send()
                return
            self._take_back()
            raise

    def load(self) -> None:
        """Learn what is in the kernel, and want the maps as they are."""
        self._applied = self._look()
        for name, elements in self._applied.sets.items():
            if elements is not None:
                self._wanted.sets[name] = dict(elements)

    def refresh(self) -> set[str]:
        """Look whether all that we made is still there; return what is not.  The next commit repairs it."""
        present = self._look()
        lost = {name for name, digest in self._applied.chains.items() if present.chains.get(name) != digest}
        for name, elements in self._applied.sets.items():
            if name not in present.sets or present.sets[name] is not None and present.sets[name] != elements:
                lost.add(name)
        for name in lost:
            self._applied.chains.pop(name, None)
            self._applied.sets.pop(name, None)
            if name in present.sets:
                self._applied.sets[name] = present.sets[name]
            if name in present.chains:
                self._applied.chains[name] = present.chains[name]
        self._dirty |= lost
        return lost

    def _send(self) -> None:
        script = self._script()
        if script:
            run(self._namespace, script)
        for name in self._dirty:
            _carry_over(name, self._wanted.chains, self._applied.chains)
            elements = self._wanted.sets.get(name)
            _carry_over(name, self._wanted.sets, self._applied.sets)
            if elements is not None:
                self._applied.sets[name] = dict(elements)
        self._dirty.clear()

    def _take_back(self) -> None:
        """Want again what is there."""
        for name in self._dirty:
            _carry_over(name, self._applied.chains, self._wanted.chains)
            if self._wanted.chains.get(name) not in (None, _digest(self._rules.get(name, ()))):
                del self._wanted.chains[name]  # there, in a form that we could not write again
            elements = self._applied.sets.get(name)
            _carry_over(name, self._applied.sets, self._wanted.sets)
            if elements is not None:
                self._wanted.sets[name] = dict(elements)
        self._dirty.clear()

    def _look(self) -> _State:
        try:
            text = namespaces.command(
                ["nft", "-j", "list", "table", self._family, self._name], inside=self._namespace
            )
        except DriverError:
            return _State()
        state = _State()
        comments: dict[str, list[str]] = {}
        for item in json.loads(text)["nftables"]:
            if chain := item.get("chain"):
                comments.setdefault(chain["name"], [])
            elif rule := item.get("rule"):
                comments.setdefault(rule["chain"], []).append(rule.get("comment", CHANGED))
            elif mapping := item.get("map"):
                state.sets[mapping["name"]] = dict(_map_element(e, mapping) for e in mapping.get("elem", ()))
            elif group := item.get("set"):
                state.sets[group["name"]] = _plain_elements(group.get("elem", []))
        state.chains = {name: _digest_told_by(found) for name, found in comments.items()}
        return state

    def _script(self) -> str:
        declared, chains, elements, emptied, removed = [], [], [], [], []
        for name in sorted(self._dirty):
            if name in self._wanted.chains:
                declared.append(self._declare_chain(name))
                chains += self._fill_chain(name)
            elif name in self._applied.chains:
                emptied.append(f"flush chain {self._qualified(name)}")
                removed.append(f"delete chain {self._qualified(name)}")
            if name in self._wanted.sets:
                declared.append(self._declare_set(name))
                elements += self._fill_set(name)
            elif name in self._applied.sets:
                removed.append(f"delete {self._kind(name)} {self._qualified(name)}")
        # Chains go before sets: their last rules may still name one.
        removed.sort(key=lambda line: not line.startswith("delete chain"))
        lines = [line for line in (*declared, *chains, *emptied, *elements, *removed) if line]
        return "\n".join((f"add table {self._family} {self._name}", *lines, "")) if lines else ""

    def _declare_chain(self, name: str) -> str:
        if name in self._applied.chains:
            return ""
        hook = f" {{ {self._hooks[name]}; }}" if self._hooks[name] else ""
        return f"add chain {self._qualified(name)}{hook}"

    def _declare_set(self, name: str) -> str:
        return "" if name in self._applied.sets else f"add {self._declarations[name]}"

    def _fill_chain(self, name: str) -> list[str]:
        digest = self._wanted.chains[name]
        if self._applied.chains.get(name) == digest:
            return []
        rules, chain = self._rules[name], self._qualified(name)
        comments = _comments(digest, len(rules))
        added = [
            f'add rule {chain} {rule} comment "{comment}"'
            for rule, comment in zip(rules, comments, strict=True)
        ]
        return [f"flush chain {chain}", *added]

    def _fill_set(self, name: str) -> list[str]:
        wanted = self._wanted.sets[name]
        if wanted is None:
            return []
        present = self._applied.sets.get(name, {})
        if present is None:
            flush = f"flush {self._kind(name)} {self._qualified(name)}"
            return [flush, *self._element_lines("add", name, wanted)]
        gone = {key: "" for key, value in present.items() if wanted.get(key) != value}
        new = {key: value for key, value in wanted.items() if present.get(key) != value}
        return [*self._element_lines("delete", name, gone), *self._element_lines("add", name, new)]

    def _element_lines(self, verb: str, name: str, elements: Elements) -> list[str]:
        texts = [f"{key} : {value}" if value else key for key, value in sorted(elements.items())]
        return [
            f"{verb} element {self._qualified(name)} {{ {', '.join(texts[i : i + ELEMENTS_PER_LINE])} }}"
            for i in range(0, len(texts), ELEMENTS_PER_LINE)
        ]

    def _put_elements(self, name: str, elements: Elements | None) -> None:
        if elements is None:
            elements = self._wanted.sets.get(name)
        self._wanted.sets[name] = elements
        self._dirty.add(name)

    def _elements(self, name: str) -> Elements:
        elements = self._wanted.sets.get(name)
        if elements is None:
            elements = self._wanted.sets[name] = {}
        return elements

    def _qualified(self, name: str) -> str:
        return f"{self._family} {self._name} {name}"

    def _kind(self, name: str) -> str:
        return "map" if self._declarations.get(name, "set").startswith("map") else "set"


def _digest(rules: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(rules).encode()).hexdigest()[:16] if rules else ""


def _comments(digest: str, count: int) -> list[str]:
    """Return what each rule of a chain carries as its comment."""
    return [f"{digest} {place}/{count}" for place in range(1, count + 1)]


def _digest_told_by(comments: list[str]) -> str:
    """Return the digest that the comments of a chain's rules tell; CHANGED unless all of them are there."""
    if not comments:
        return ""
    digest = comments[0].partition(" ")[0]
    return digest if comments == _comments(digest, len(comments)) else CHANGED


def _plain_elements(elements: list[Any]) -> Elements | None:
    """Return a set's elements if all are single values; ranges are not spelled as we write them."""
    return dict.fromkeys(elements, "") if all(isinstance(element, str) for element in elements) else None


def _carry_over(name: str, wanted: dict[str, Any], applied: dict[str, Any]) -> None:
    if name in wanted:
        applied[name] = wanted[name]
    else:
        applied.pop(name, None)


def _map_element(element: list[Any], mapping: dict[str, Any]) -> tuple[str, str]:
    """Spell an element of a map, as nft's JSON shows it, in the way in which we write it."""
    key, value = element
    if isinstance(value, dict):  # a verdict
        action, target = next(iter(value.items()))
        value = f"{action} {target['target']}" if target else action
    elif mapping.get("map") == "mark":
        value = f"0x{value:08x}"
    if mapping["type"] == "ifname":
        key = f'"{key}"'
    elif mapping["type"] == "mark":
        key = f"0x{key:08x}"
    return str(key), str(value)
