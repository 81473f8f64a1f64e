"""What a policy knows about the caller: the attributes that rules may name on their left side."""

from collections.abc import Mapping
from typing import Any


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
