"""A service's rules with an operator's overrides: which text is in force, and what is wrong with it."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel import errors, policy
from nacre.kernel.policy import Policy, Rule, load

SHOW = Rule("compute:show", policy.PROJECT_READER_OR_ADMIN, "Show a server.")
DELETE = Rule("compute:delete", policy.PROJECT_MEMBER_OR_ADMIN, "Delete one.", deprecated=("compute:remove",))

ADMIN: dict[str, Any] = {"roles": ["admin"], "project_id": "boss"}
READER: dict[str, Any] = {"roles": ["Reader"], "project_id": "p"}


@dataclass
class Server:
    project_id: str
    _secret: str = "s"


def test_defaults_hold_where_nobody_overrides() -> None:
    rules = Policy([SHOW, DELETE])
    assert rules.check(SHOW, READER, {"project_id": "p"})
    assert not rules.check(SHOW, READER, {"project_id": "q"})
    assert not rules.check(DELETE, READER, {"project_id": "p"})
    assert rules.check(DELETE, ADMIN, {"project_id": "q"})
    assert rules.problems == ()


def test_a_rule_may_be_named_by_its_name() -> None:
    assert Policy([SHOW]).check("compute:show", READER, {"project_id": "p"})


def test_an_override_replaces_the_default() -> None:
    rules = Policy([SHOW], {"compute:show": "role:auditor"})
    assert not rules.check(SHOW, ADMIN, {"project_id": "p"})
    assert rules.check(SHOW, {"roles": ["auditor"]}, {})
    assert (rules.text(SHOW), rules.text("compute:none")) == ("role:auditor", None)


def test_an_override_under_a_deprecated_name_counts_until_the_new_name_is_used() -> None:
    assert Policy([DELETE], {"compute:remove": "@"}).check(DELETE, {})
    assert not Policy([DELETE], {"compute:remove": "@", "compute:delete": "!"}).check(DELETE, ADMIN)


def test_a_target_may_be_an_object_or_nothing() -> None:
    rules = Policy([SHOW, Rule("peek", "s:%(_secret)s or 's':%(_secret)s", "Peek.")])
    assert rules.check(SHOW, READER, Server("p"))
    assert not rules.check(SHOW, READER, Server("q"))
    assert not rules.check(SHOW, READER, object())
    assert not rules.check(SHOW, READER)
    assert not rules.check("peek", READER, Server("p"))


def test_a_missing_attribute_of_the_target_refuses_but_does_not_compare_as_none() -> None:
    rules = Policy([Rule("r", "domain_id:%(domain_id)s", "R.")])
    assert not rules.check("r", {"domain_id": None}, {})


def test_enforce_raises_with_the_name_of_the_rule() -> None:
    rules = Policy([SHOW])
    rules.enforce(SHOW, READER, Server("p"))
    with pytest.raises(errors.PolicyForbidden) as caught:
        rules.enforce(SHOW, READER, Server("q"))
    assert caught.value.rule == "compute:show"


def test_an_unknown_rule_falls_to_the_default_rule_and_without_one_refuses() -> None:
    assert not Policy([SHOW]).check("nobody:wrote:this", ADMIN)
    assert Policy([SHOW], {"default": "role:admin"}).check("nobody:wrote:this", ADMIN)
    assert Policy([SHOW], {"compute:show": "rule:gone", "default": "role:admin"}).check(SHOW, ADMIN)


def test_undecidable_is_no_even_when_negated(caplog: pytest.LogCaptureFixture) -> None:
    rules = Policy([SHOW], {"compute:show": "not user_id.name:x"})
    assert not rules.check(SHOW, {"user_id": "u"})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({"compute:show": "rule:compute:show"}, ["compute:show"]),
        ({"compute:show": "@ or rule:a", "a": "rule:b", "b": "not rule:a"}, ["compute:show", "a", "b"]),
        ({"compute:show": "not rule:compute:show"}, ["compute:show"]),
        ({"compute:show": "rule:gone", "default": "rule:gone"}, ["compute:show", "default"]),
    ],
)
def test_a_circle_of_rules_refuses_and_is_reported(overrides: dict[str, str], names: list[str]) -> None:
    rules = Policy([SHOW], overrides)
    for name in names:
        assert not rules.check(name, ADMIN, {"project_id": "boss"})
        assert (
            f"Policy rule {name} refuses because it refers to itself, or to a rule that does."
            in rules.problems
        )


def test_two_rules_may_refer_to_a_third_without_being_a_circle() -> None:
    rules = Policy([SHOW], {"compute:show": "rule:a and rule:b", "a": "rule:c", "b": "rule:c", "c": "@"})
    assert rules.check(SHOW, {})
    assert rules.problems == ()


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("role:admin or", "a check is missing (at the end)"),
        ("(role:admin", "a parenthesis is not closed"),
        ("role:admin role:b", "there is more after a complete rule"),
        ("admin", "'admin' is not of the form kind:value"),
        ("'a':'b'", "'a':'b' compares nothing"),
        ("rule:gone", "refers to gone, which does not exist"),
        ("http://there/%(name)s", "asks a web server"),
        (False, "neither text nor a list: False"),
        ({"role": "admin"}, "neither text nor a list"),
        ([[]], "all of its lists are empty"),
        (["role:admin", 3], "not a list of lists: 3"),
        ("(" * 5000 + "@" + ")" * 5000, "nested too deeply"),
    ],
)
def test_a_mistake_in_an_override_refuses_and_is_reported(override: Any, problem: str) -> None:
    rules = Policy([SHOW], {"compute:show": override})
    assert not rules.check(SHOW, {**ADMIN, "rule": "x"}, {"name": "n"})
    assert [problem in text and "compute:show" in text for text in rules.problems] == [True]


def test_an_unknown_override_is_reported_unless_something_refers_to_it() -> None:
    overrides = {"mine": "role:admin", "compute:show": "rule:mine", "typo": "@", "compute:remove": "!"}
    assert Policy([SHOW, DELETE], overrides).problems == ("Policy rule typo is unknown and has no effect.",)


@pytest.mark.parametrize("default", ["role:a and", "nonsense", "rule:gone"])
def test_a_mistake_in_a_declared_default_is_a_bug(default: str) -> None:
    with pytest.raises(ValueError, match="policy rule r"):
        Policy([Rule("r", default, "R.")], {"r": "@"})


def test_a_rule_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Policy([SHOW, SHOW])


def test_a_service_may_have_checks_of_its_own_kind() -> None:
    shared = Policy(
        [SHOW],
        {"compute:show": "field:networks:shared=True"},
        kinds={
            "field": lambda match: lambda caller, target: str(target.get("shared")) == match.partition("=")[2]
        },
    )
    assert shared.check(SHOW, {}, {"shared": True})
    assert not shared.check(SHOW, {}, {"shared": False})


def test_personas() -> None:
    def allowed(text: str, target: dict[str, Any], **caller: Any) -> bool:
        return Policy([Rule("r", text, "R.")]).check("r", caller, target)

    assert allowed(policy.SYSTEM_READER, {}, roles=["reader"], system_scope="all")
    assert not allowed(policy.SYSTEM_READER, {}, roles=["reader"], system_scope=None)
    assert allowed(policy.DOMAIN_MANAGER, {"domain_id": "d"}, roles=["manager"], domain_id="d")
    assert not allowed(policy.DOMAIN_MANAGER, {"domain_id": "d"}, roles=["member"], domain_id="d")
    assert allowed(policy.OWNER, {"user_id": "u"}, user_id="u")
    assert allowed(policy.ANYBODY, {})
    assert not allowed(policy.NOBODY, {}, roles=["admin"])


def test_credentials_know_their_roles_and_their_scope() -> None:
    credentials = policy.Credentials({"roles": ["Admin"], "project_id": "p"})
    assert (credentials.role_names, credentials.scope) == ({"admin"}, "project")
    assert policy.Credentials({"system_scope": "all", "domain_id": "d"}).scope == "system"
    assert policy.Credentials({"domain_id": "d", "roles": None}).scope == "domain"


def test_files_are_read_in_order_and_later_ones_win(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text('# a comment\n"a": "role:x"\n"b": [["role:y"]]\n')
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "20.json").write_text('{\n\t"a": "role:z",\n\t"c": ""\n}\n')
    (folder / "10.yaml").write_text("a: '@'\n")
    (folder / "README").write_text("not a policy")
    (folder / "30.yaml").write_text("# nothing yet\n")
    paths = (tmp_path / "policy.yaml", folder, tmp_path / "absent.yaml")
    assert load(*paths) == {"a": "role:z", "b": [["role:y"]], "c": ""}


@pytest.mark.parametrize("content", ["- a\n- b\n", "just words", "a: [", "a: !!python/object:os.system {}"])
def test_a_file_that_is_no_mapping_stops_the_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"policy\.yaml"):
        load(file)
