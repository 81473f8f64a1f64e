"""How a service declares a rule, and the personas that most defaults are made of.

A role is granted on something: a project, a domain, or the whole system.  A persona is a role together with
the question whether it was granted on the thing's own project or domain.  Identity lets each role imply the
weaker ones when it issues a token (admin, manager, member, reader), so a rule names only the weakest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One thing that can be done, and who may do it unless an operator says otherwise.

    scope_types   kinds of token that may be used at all: "project", "domain", "system"; empty: any
    deprecated    older names, under which an operator's file may still override this rule
    """

    name: str
    default: str
    description: str
    scope_types: tuple[str, ...] = ()
    deprecated: tuple[str, ...] = ()


ANYBODY = "@"
NOBODY = "!"

ADMIN = "role:admin"
SERVICE = "role:service"
OWNER = "user_id:%(user_id)s"

PROJECT_READER = "role:reader and project_id:%(project_id)s"
PROJECT_MEMBER = "role:member and project_id:%(project_id)s"
PROJECT_MANAGER = "role:manager and project_id:%(project_id)s"
PROJECT_ADMIN = "role:admin and project_id:%(project_id)s"

PROJECT_READER_OR_ADMIN = f"({PROJECT_READER}) or {ADMIN}"
PROJECT_MEMBER_OR_ADMIN = f"({PROJECT_MEMBER}) or {ADMIN}"
PROJECT_MANAGER_OR_ADMIN = f"({PROJECT_MANAGER}) or {ADMIN}"

DOMAIN_READER = "role:reader and domain_id:%(domain_id)s"
DOMAIN_MEMBER = "role:member and domain_id:%(domain_id)s"
DOMAIN_MANAGER = "role:manager and domain_id:%(domain_id)s"
DOMAIN_ADMIN = "role:admin and domain_id:%(domain_id)s"

SYSTEM_READER = "role:reader and system_scope:all"
SYSTEM_MEMBER = "role:member and system_scope:all"
SYSTEM_ADMIN = "role:admin and system_scope:all"
