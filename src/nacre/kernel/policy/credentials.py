"""What a policy knows about the caller: the attributes that rules may name on their left side."""

from collections.abc import Mapping
from typing import Any

#: The attributes of a Context that rules may name, as OpenStack's files spell them.
ATTRIBUTES = (
    "user_id",
    "user_domain_id",
    "project_id",
    "project_domain_id",
    "domain_id",
    "system_scope",
    "trust_id",
    "is_admin",
    "is_admin_project",
    "service_user_id",
    "service_user_domain_id",
    "service_project_id",
    "service_project_domain_id",
)

#: Older names for some of them.
# compat: oslo.context's to_policy_values() still answers to `user` and `tenant`, and neutron's rules say
# `tenant_id`.
ALIASES = {"user": "user_id", "tenant": "project_id", "tenant_id": "project_id"}


class Credentials(dict[str, Any]):
    """The attributes themselves, with the roles and the kind of token worked out once.

    Immutable by agreement: `role_names` and `scope` do not follow later changes.
    """

    __slots__ = ("role_names", "scope")

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        super().__init__(attributes)
        # compat: oslo.policy lets rules say `system` for `system_scope`.
        if self.get("system_scope"):
            self["system"] = self["system_scope"]
        self.role_names = frozenset(role.lower() for role in self.get("roles") or ())
        if self.get("system"):
            self.scope = "system"
        elif self.get("domain_id"):
            self.scope = "domain"
        else:
            self.scope = "project"


def credentials_of(context: object) -> Credentials:
    """Read the credentials off a Context; what it does not have, no rule can match."""
    attributes = {name: getattr(context, name) for name in ATTRIBUTES if hasattr(context, name)}
    for alias, name in ALIASES.items():
        if name in attributes:
            attributes[alias] = attributes[name]
    attributes["roles"] = list(getattr(context, "roles", None) or ())
    attributes["service_roles"] = list(getattr(context, "service_roles", None) or ())
    return Credentials(attributes)
