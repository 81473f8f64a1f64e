"""All rules of one service, with an operator's overrides, compiled."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nacre.kernel import errors
from nacre.kernel.policy import decisions, language
from nacre.kernel.policy.credentials import Credentials
from nacre.kernel.policy.decisions import Decision, Kind, Target
from nacre.kernel.policy.rules import Rule

log = logging.getLogger(__name__)

#: The rule that stands in for one that nobody wrote.
DEFAULT_RULE = "default"


class Policy:
    """Answers whether a caller may do something to a target.  Immutable, and free for any thread to use.

    rules       what the service declares; a mistake in a default is a ValueError
    overrides   what an operator's file says: rule name → text or list of lists; mistakes go to `problems`
    kinds       checks of the service's own: kind → function from the text after the colon to a decision
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        overrides: Mapping[str, Any] | None = None,
        *,
        kinds: Mapping[str, Kind] | None = None,
        default_rule: str = DEFAULT_RULE,
    ) -> None:
        self._rules = _by_name(rules)
        _refuse_wrong_defaults(self._rules)
        texts = _texts_in_force(self._rules, overrides or {})
        nodes = {name: language.parse(text) for name, text in texts.items()}
        compiler = _Compiler(nodes, default_rule, kinds or {})
        decisions_by_name = {name: compiler.decision(name) for name in nodes}
        self._texts = texts
        self._decisions = {
            name: _with_scope(self._rules.get(name), decision) for name, decision in decisions_by_name.items()
        }
        self._otherwise = decisions_by_name.get(default_rule, decisions.never)
        self.problems = tuple(_problems(self._rules, nodes, compiler.circular, default_rule))

    def check(self, rule: Rule | str, credentials: Mapping[str, Any], target: Any = None) -> bool:
        """Tell whether the rule lets the caller do this to the target.

        The target is a mapping, or any object whose attributes rules may name; None has none.
        """
        name = rule if isinstance(rule, str) else rule.name
        if not isinstance(credentials, Credentials):
            credentials = Credentials(credentials)
        if not isinstance(target, Mapping):
            target = {} if target is None else AttributesOf(target)
        try:
            return self._decisions.get(name, self._otherwise)(credentials, target)
        except decisions.Undecidable as error:
            log.warning("Policy rule %s cannot be decided and refuses: %s", name, error)
            return False

    def enforce(self, rule: Rule | str, credentials: Mapping[str, Any], target: Any = None) -> None:
        """Raise PolicyForbidden unless the rule allows it."""
        if not self.check(rule, credentials, target):
            raise errors.PolicyForbidden(rule if isinstance(rule, str) else rule.name)

    def text(self, rule: Rule | str) -> Any:
        """Return the rule's text in force, as declared or as overridden; None when there is none."""
        return self._texts.get(rule if isinstance(rule, str) else rule.name)


class AttributesOf(Mapping[str, Any]):
    """A target that is an object: its public attributes, read when a rule names them."""

    __slots__ = ("_thing",)

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __getitem__(self, name: str) -> Any:
        if name.startswith("_"):
            raise KeyError(name)
        try:
            return getattr(self._thing, name)
        except AttributeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name for name in dir(self._thing) if not name.startswith("_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Circular(Exception):
    """A rule refers to itself, perhaps through others."""


class _Compiler:
    """Compiles each rule once, following ``rule:`` references."""

    def __init__(self, nodes: Mapping[str, language.Node], default: str, kinds: Mapping[str, Kind]) -> None:
        self.circular: set[str] = set()
        self._nodes = nodes
        self._default = default
        self._kinds = kinds
        self._made: dict[str, Decision] = {}
        self._making: set[str] = set()

    def decision(self, name: str) -> Decision:
        """Compile a rule by name; one that reaches a circle of references refuses."""
        try:
            return self._referred(name)
        except _Circular:
            return decisions.never

    def _referred(self, name: str) -> Decision:
        if name not in self._nodes:
            if self._default not in self._nodes:
                return decisions.never
            name = self._default
        if name in self.circular or name in self._making:
            raise _Circular
        if name not in self._made:
            self._making.add(name)
            try:
                self._made[name] = decisions.decide(self._nodes[name], self._referred, self._kinds)
            except _Circular:
                self.circular.add(name)
                raise
            finally:
                self._making.discard(name)
        return self._made[name]


def _by_name(rules: Iterable[Rule]) -> dict[str, Rule]:
    named: dict[str, Rule] = {}
    for rule in rules:
        if rule.name in named:
            raise ValueError(f"policy rule {rule.name} is declared twice")
        named[rule.name] = rule
    return named


def _texts_in_force(rules: Mapping[str, Rule], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's text for each rule where there is one, else the default; then the operator's own."""
    texts: dict[str, Any] = {}
    for rule in rules.values():
        names = (rule.name, *rule.deprecated)
        chosen = next((name for name in names if name in overrides), None)
        texts[rule.name] = rule.default if chosen is None else overrides[chosen]
    return texts | {name: text for name, text in overrides.items() if name not in texts}


def _with_scope(rule: Rule | None, decision: Decision) -> Decision:
    """Refuse tokens of a scope that the rule does not take."""
    if rule is None or not rule.scope_types:
        return decision
    scopes = frozenset(rule.scope_types)

    def scoped(credentials: Credentials, target: Target) -> bool:
        return credentials.scope in scopes and decision(credentials, target)

    return scoped


def _problems(
    rules: Mapping[str, Rule], nodes: Mapping[str, language.Node], circular: set[str], default_rule: str
) -> Iterator[str]:
    """Say what an operator should mend."""
    known = {default_rule, *rules}
    for rule in rules.values():
        known.update(rule.deprecated)
    referred: set[str] = set()
    for name, node in nodes.items():
        for reason in language.complaints(node):
            yield f"Policy rule {name} refuses because {reason}."
        for check in language.comparisons(node):
            if check.kind == "rule":
                referred.add(check.match)
                if check.match not in nodes:
                    yield f"Policy rule {name} refers to {check.match}, which does not exist."
            elif check.kind in ("http", "https"):
                yield f"Policy rule {name} asks a web server, which is not supported: {check.match}."
        if name in circular:
            yield f"Policy rule {name} refuses because it refers to itself, or to a rule that does."
    for name in nodes:
        if name not in known and name not in referred:
            yield f"Policy rule {name} is unknown and has no effect."


def _refuse_wrong_defaults(rules: Mapping[str, Rule]) -> None:
    """A mistake in what the service itself declares is a bug of nacre, not of the operator."""
    for rule in rules.values():
        node = language.parse(rule.default)
        for reason in language.complaints(node):
            raise ValueError(f"policy rule {rule.name} is wrong: {reason}")
        for check in language.comparisons(node):
            if check.kind == "rule" and check.match not in rules:
                raise ValueError(f"policy rule {rule.name} refers to {check.match}, which does not exist")
