"""Who may do what: rules in oslo.policy's language, compiled once and then checked in about a microsecond.

A service declares a `Rule` for each thing that can be done, with the default that the persona constants
spell; an operator overrides some of them in a ``policy.yaml`` or ``policy.json`` written for OpenStack::

    DELETE = Rule("os_compute_api:servers:delete", PROJECT_MEMBER_OR_ADMIN, "Delete a server.")

    policy = Policy([DELETE, ...], overrides=load("/etc/nacre/compute/policy.yaml"))
    policy.check(DELETE, credentials, server)

A rule weighs two things: the *credentials* (what the token says about the caller) and the *target* (the thing
addressed).  ``project_id:%(project_id)s`` reads: the caller's project_id is the target's project_id.

The verdicts are those of oslo.policy, which a test compares on thousands of generated rules, with these
differences, all of them towards "no":

* Where oslo.policy raises in the middle of a decision (a malformed ``%``, a dotted path into something that
  has no parts, a left side that is not Python), the answer is no and the log says why.
* Rules that refer to themselves, directly or in a circle, and rules that reach such a circle, answer no.
* ``http:`` and ``https:`` checks, which ask a web server, are not supported and answer no.
* An override that is neither text, a list nor empty (``false``, ``0``, a mapping) answers no.

What a policy file gets wrong is in `Policy.problems`; it never keeps a service from starting.
"""

from nacre.kernel.policy.credentials import Credentials
from nacre.kernel.policy.files import load
from nacre.kernel.policy.policy import Policy
from nacre.kernel.policy.rules import (
    ADMIN,
    ANYBODY,
    DOMAIN_ADMIN,
    DOMAIN_MANAGER,
    DOMAIN_MEMBER,
    DOMAIN_READER,
    NOBODY,
    OWNER,
    PROJECT_ADMIN,
    PROJECT_MANAGER,
    PROJECT_MANAGER_OR_ADMIN,
    PROJECT_MEMBER,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER,
    PROJECT_READER_OR_ADMIN,
    SERVICE,
    SYSTEM_ADMIN,
    SYSTEM_MEMBER,
    SYSTEM_READER,
    Rule,
)

__all__ = [
    "ADMIN",
    "ANYBODY",
    "DOMAIN_ADMIN",
    "DOMAIN_MANAGER",
    "DOMAIN_MEMBER",
    "DOMAIN_READER",
    "NOBODY",
    "OWNER",
    "PROJECT_ADMIN",
    "PROJECT_MANAGER",
    "PROJECT_MANAGER_OR_ADMIN",
    "PROJECT_MEMBER",
    "PROJECT_MEMBER_OR_ADMIN",
    "PROJECT_READER",
    "PROJECT_READER_OR_ADMIN",
    "SERVICE",
    "SYSTEM_ADMIN",
    "SYSTEM_MEMBER",
    "SYSTEM_READER",
    "Credentials",
    "Policy",
    "Rule",
    "load",
]
