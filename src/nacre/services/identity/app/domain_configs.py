"""Options that a domain may have of its own, in two groups: `identity` and `ldap`.

They are kept and shown as upstream does, secrets excepted; nacre's users all live in its database,
so nothing here reads them yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nacre.kernel import errors
from nacre.services.identity.app.state import seal_secret
from nacre.services.identity.db import domain_configs as rows
from nacre.services.identity.db.domain_configs import Option
from nacre.services.identity.db.projects import Project
from nacre.services.identity.errors import DomainConfigNotFound

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

Config = dict[str, dict[str, Any]]

#: The options that may be set for a domain, and what holds where they are not (Identity API, "Domain
#: configuration").
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "identity": {"driver": "sql", "list_limit": None},
    "ldap": {
        "url": "ldap://localhost",
        "user": None,
        "suffix": "cn=example,cn=com",
        "query_scope": "one",
        "page_size": 0,
        "alias_dereferencing": "default",
        "debug_level": None,
        "chase_referrals": None,
        "user_tree_dn": None,
        "user_filter": None,
        "user_objectclass": "inetOrgPerson",
        "user_id_attribute": "cn",
        "user_name_attribute": "sn",
        "user_description_attribute": "description",
        "user_mail_attribute": "mail",
        "user_pass_attribute": "userPassword",
        "user_enabled_attribute": "enabled",
        "user_enabled_invert": False,
        "user_enabled_mask": 0,
        "user_enabled_default": "True",
        "user_attribute_ignore": ["default_project_id"],
        "user_default_project_id_attribute": None,
        "user_enabled_emulation": False,
        "user_enabled_emulation_dn": None,
        "user_enabled_emulation_use_group_config": False,
        "user_additional_attribute_mapping": [],
        "group_tree_dn": None,
        "group_filter": None,
        "group_objectclass": "groupOfNames",
        "group_id_attribute": "cn",
        "group_name_attribute": "ou",
        "group_member_attribute": "member",
        "group_members_are_ids": False,
        "group_desc_attribute": "description",
        "group_attribute_ignore": [],
        "group_additional_attribute_mapping": [],
        "group_ad_nesting": False,
        "tls_cacertfile": None,
        "tls_cacertdir": None,
        "use_tls": False,
        "tls_req_cert": "demand",
        "connection_timeout": -1,
        "use_pool": True,
        "pool_size": 10,
        "pool_retry_max": 3,
        "pool_retry_delay": 0.1,
        "pool_connection_timeout": -1,
        "pool_connection_lifetime": 600,
        "use_auth_pool": True,
        "auth_pool_size": 100,
        "auth_pool_connection_lifetime": 60,
    },
}
#: The group of what everybody may know of the rules for passwords; the same for all domains.
COMPLIANCE = "security_compliance"
#: Options that can be set but are never shown.
SENSITIVE = {("ldap", "password")}


def defaults(group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """Return the defaults: of all groups, of one, or of one option."""
    if group is None:
        return {name: dict(options) for name, options in DEFAULTS.items()}
    _check_known(group, option)
    if option is None:
        return {group: dict(DEFAULTS[group])}
    return {option: DEFAULTS[group].get(option)}


def show(
    ctx: Context, domain: Project, group: str | None = None, option: str | None = None
) -> dict[str, Any]:
    """Return a domain's options, those of a group, or one; DomainConfigNotFound where there are none."""
    if group is not None:
        _check_known(group, option)
    config = ctx.db.read(_config, domain.id)
    if group is None:
        if not config:
            raise DomainConfigNotFound(domain.id, "any options")
        return config
    options = config.get(group)
    if options is None:
        raise DomainConfigNotFound(domain.id, f"group {group}")
    if option is None:
        return {group: options}
    if option not in options:
        raise DomainConfigNotFound(domain.id, f"option {option} in group {group}")
    return {option: options[option]}


def _config(tx: Transaction, domain_id: str) -> Config:
    config: Config = {}
    for each in rows.index(tx, domain_id):
        if not each.sensitive:
            config.setdefault(each.group_name, {})[each.option_name] = each.value
    return config


def replace(ctx: Context, domain: Project, config: Config) -> Config:
    """Set a domain's options, instead of those that it has."""
    options = _options(ctx, domain, config)

    def write(tx: Transaction) -> Config:
        rows.delete(tx, domain.id)
        for each in options:
            rows.put(tx, each)
        return _config(tx, domain.id)

    return ctx.db.run(write)


def update(
    ctx: Context, domain: Project, config: dict[str, Any], group: str | None = None, option: str | None = None
) -> Config:
    """Change some of a domain's options, which must have the group or option that is named."""
    present = show(ctx, domain, group, option)
    if group is not None and option is not None:
        if set(config) != {option}:
            raise errors.BadRequest(f"The body must hold the option {option} and no other.")
        config = {group: config}
    elif group is not None and set(config) != {group}:
        raise errors.BadRequest(f"The body must hold the group {group} and no other.")
    elif group is None and not set(config) <= set(present):
        raise DomainConfigNotFound(domain.id, f"group {min(set(config) - set(present))}")
    options = _options(ctx, domain, config)

    def write(tx: Transaction) -> Config:
        for each in options:
            rows.put(tx, each)
        return _config(tx, domain.id)

    return ctx.db.run(write)


def delete(ctx: Context, domain: Project, group: str | None = None, option: str | None = None) -> None:
    """Remove a domain's options, those of a group, or one."""
    if group is not None:
        _check_known(group, option)
    if not ctx.db.run(rows.delete, domain.id, group, option):
        raise DomainConfigNotFound(domain.id, option or group or "any options")


def _options(ctx: Context, domain: Project, config: Config) -> list[Option]:
    """Return options as they are stored; Forbidden for those that cannot be set for a domain."""
    if not config:
        raise errors.BadRequest("There are no options in the request.")
    found = []
    for group, options in config.items():
        if not isinstance(options, dict) or not options:
            raise errors.BadRequest(f"The group {group} must be an object with options.")
        for name, value in options.items():
            _check_known(group, name)
            sensitive = (group, name) in SENSITIVE
            stored = seal_secret(ctx.service, str(value)) if sensitive else value
            found.append(Option(domain.id, group, name, stored, sensitive))
    return found


def _check_known(group: str, option: str | None) -> None:
    if group not in DEFAULTS:
        raise errors.Forbidden(f"Invalid domain specific configuration: Group {group} is not supported.")
    if option is not None and option not in DEFAULTS[group] and (group, option) not in SENSITIVE:
        raise errors.Forbidden(
            f"Invalid domain specific configuration: Option {option} in group {group} is not supported."
        )


def security_compliance(ctx: Context, option: str | None = None) -> dict[str, Any]:
    """Return the rules for passwords, which everybody may know, or one of them."""
    options = {
        "password_regex": ctx.config.password_pattern,
        "password_regex_description": ctx.config.password_pattern_description,
    }
    if option is None:
        return {COMPLIANCE: options}
    if option not in options:
        raise errors.Forbidden(
            f"Invalid domain specific configuration: Option {option} in group {COMPLIANCE} is not supported."
        )
    return {option: options[option]}
