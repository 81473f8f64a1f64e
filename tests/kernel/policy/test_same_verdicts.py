"""Our verdicts are oslo.policy's, on rules, callers and targets that hypothesis makes up.

Where the library raises in the middle of a decision we say no; that, and nothing else, is allowed to differ.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oslo

from nacre.kernel.policy import Policy, Rule

NAMES = ["project_id", "user_id", "domain_id", "system_scope", "enabled", "token.project.id", "groups", "a b"]
WORDS = ["a", "b", "admin", "Member", "None", "True", "1", "", "all"]

values = st.one_of(st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(0, 2))
nested: st.SearchStrategy[Any] = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["project", "id", "domain"]), inner, max_size=3),
    ),
    max_leaves=6,
)
roles = st.lists(st.sampled_from(["admin", "Admin", "reader", "MEMBER", "a"]), max_size=3)
credentials = st.builds(
    lambda attributes, roles, token: {**attributes, **roles, **token},
    st.dictionaries(st.sampled_from(NAMES), nested, max_size=5),
    st.one_of(st.just({}), roles.map(lambda names: {"roles": names})),
    st.one_of(st.just({}), nested.map(lambda value: {"token": value})),
)
targets = st.dictionaries(st.sampled_from([*NAMES, "target.project.id"]), values, max_size=6)

substitutions = st.sampled_from([*NAMES, "target.project.id"]).map(lambda name: f"%({name})s")
matches = st.one_of(
    substitutions,
    substitutions,
    st.sampled_from(WORDS),
    st.tuples(st.sampled_from(WORDS), substitutions).map("".join),
    st.sampled_from(
        ["%", "%s", "100%%", "%(enabled)d", "%(enabled)r", "%(nobody)s", "a:b", "%(user_id", "%5"]
    ),
)
kinds = st.one_of(
    st.sampled_from(NAMES[:-1]),
    st.sampled_from(
        ["token.project", "token.domain.id", "token", "system", "groups.id", "nobody", "nobody.id"]
    ),
    st.sampled_from(
        ["True", "None", "'a'", '"admin"', "1", "0x1", "'a", "a-", "a-b", "", "[1]", "class", "-1"]
    ),
)
checks = st.one_of(
    st.tuples(kinds, matches).map(":".join),
    st.tuples(st.just("role"), st.one_of(matches, st.sampled_from(["ADMIN", "reader"]))).map(":".join),
    st.sampled_from(["rule:one", "rule:two", "rule:missing", "rule:%(user_id)s", "rule:"]),
    st.sampled_from(["@", "!"]),
)
well_formed: st.SearchStrategy[str] = st.recursive(
    checks,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(" and ".join),
        st.lists(inner, min_size=2, max_size=4).map(" or ".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"not ( {text} )"),
        st.tuples(inner, st.sampled_from(["and", "OR", "And  not", "\tor\n"]), inner).map(" ".join),
    ),
    max_leaves=8,
)
tokens = st.one_of(
    checks, st.sampled_from(["and", "or", "not", "(", ")", "((", "nonsense", "'q'", '"a":"b"', "'"])
)
soup = st.lists(tokens, max_size=7).map(" ".join)
glued = st.lists(tokens, max_size=5).map("".join)
spelled = st.one_of(
    well_formed, well_formed, soup, glued, st.text(max_size=12), st.sampled_from(["", " ", "()"])
)
listed = st.lists(st.one_of(checks, st.lists(st.one_of(checks, st.just("nonsense")), max_size=3)), max_size=3)
rules = st.one_of(spelled, spelled, spelled, listed)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The library logs a traceback for each rule that it cannot read; that takes most of the time here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def enforcer_for(overrides: dict[str, Any]) -> oslo.Enforcer:
    enforcer = oslo.Enforcer(cfg.ConfigOpts(), policy_file="none.yaml", use_conf=False)
    enforcer.set_rules(oslo.Rules.from_dict(overrides, "default"), overwrite=True, use_conf=False)
    return enforcer


def oslo_verdict(
    overrides: dict[str, Any], name: str, caller: dict[str, Any], target: dict[str, Any]
) -> bool | Exception:
    """What the library says, or how it failed to."""
    enforcer = enforcer_for(overrides)
    try:
        return bool(enforcer.enforce(name, dict(target), dict(caller)))
    except (TypeError, ValueError, SyntaxError) as error:
        return error


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=rules, one=spelled, caller=credentials, target=targets, default=st.sampled_from([None, "@", "!"]))
def test_verdicts_are_the_same(
    rule: Any, one: str, caller: dict[str, Any], target: dict[str, Any], default: str | None
) -> None:
    # `one` may be referred to and refers to nothing, so that no circle arises.
    overrides = {"it": rule, "one": one.replace("rule:", "rile:"), "two": "role:reader"}
    if default is not None:
        overrides["default"] = default
    expected = oslo_verdict(overrides, "it", caller, target)
    verdict = Policy([], overrides).check("it", caller, target)
    assert verdict is (False if isinstance(expected, Exception) else expected)


@pytest.mark.parametrize(
    "scopes", [("project",), ("system", "domain"), ("system",), ("domain", "project"), ()]
)
@given(
    caller=st.fixed_dictionaries(
        {},
        optional={"system_scope": st.sampled_from(["all", None]), "domain_id": st.sampled_from(["d", None])},
    )
)
def test_scopes_are_the_same(scopes: tuple[str, ...], caller: dict[str, Any]) -> None:
    enforcer = enforcer_for({"it": "@"})
    enforcer.register_default(oslo.RuleDefault("it", "@", scope_types=list(scopes) or None))
    ours = Policy([Rule("it", "@", "It.", scope_types=scopes)])
    assert ours.check("it", caller) is bool(enforcer.enforce("it", {}, dict(caller)))
