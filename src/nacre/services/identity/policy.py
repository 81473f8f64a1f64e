"""Who may do what in identity: every rule, by the name that operators know it by, with its default.

`admin` may do everything.  A reader of the system sees everything; a reader, and a manager, of a domain
sees, and manages, that domain's users, groups, projects and grants; a user sees what is the
user's own.  A rule's target is a flat mapping whose names are those of upstream's policies
(`target.user.domain_id`), so that an operator's file for them works here: see app/targets.py.
"""

from nacre.kernel.policy import ANYBODY, Rule

RULES: list[Rule] = []


def _rule(name: str, default: str, description: str) -> Rule:
    rule = Rule(f"identity:{name}", default, description)
    RULES.append(rule)
    return rule


def _named(name: str, default: str, description: str) -> None:
    RULES.append(Rule(name, default, description))


# -- what the rules below are made of ------------------------------------------------------------------

_named("admin_required", "role:admin", "May do everything.")
_named("service_role", "role:service", "Is a service of the cloud.")
_named("service_or_admin", "rule:admin_required or rule:service_role", "Is a service, or may do everything.")
_named("owner", "user_id:%(user_id)s", "Is the user in the path.")
_named(
    "admin_or_owner", "rule:admin_required or rule:owner", "Is the user in the path, or may do everything."
)
_named("token_subject", "user_id:%(target.token.user_id)s", "Is the user of the token that is asked about.")
_named(
    "admin_or_token_subject",
    "rule:admin_required or rule:token_subject",
    "Is the user of the token that is asked about, or may do everything.",
)
_named(
    "service_admin_or_token_subject",
    "rule:service_or_admin or rule:token_subject",
    "Is a service, or the user of the token that is asked about, or may do everything.",
)
_named(
    "domain_managed_target_role",
    "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
    "A role that the manager of a domain may give and take.",
)

ADMIN = "rule:admin_required"
SYSTEM_READER = "(role:reader and system_scope:all)"
OWNER = "user_id:%(user_id)s"
OWN = "user_id:%(target.user.id)s"
SEE = f"{ADMIN} or {SYSTEM_READER}"


def _domain(role: str, thing: str) -> str:
    return f"(role:{role} and domain_id:%(target.{thing}.domain_id)s)"


_READ_USER = f"{SEE} or {_domain('reader', 'user')} or {OWN}"
_MANAGE_USER = f"{ADMIN} or {_domain('manager', 'user')}"
_READ_GROUP = f"{SEE} or {_domain('reader', 'group')}"
_MANAGE_GROUP = f"{ADMIN} or {_domain('manager', 'group')}"
_READ_MEMBERSHIP = (
    f"{SEE} or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
)
_MANAGE_MEMBERSHIP = (
    f"{ADMIN} or"
    " (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
)
_READ_PROJECT = f"{SEE} or {_domain('reader', 'project')} or project_id:%(target.project.id)s"
_MANAGE_PROJECT = f"{ADMIN} or {_domain('manager', 'project')}"

# -- domains ---------------------------------------------------------------------------------------

GET_DOMAIN = _rule(
    "get_domain",
    f"{SEE} or domain_id:%(target.domain.id)s or project_domain_id:%(target.domain.id)s",
    "See a domain.",
)
LIST_DOMAINS = _rule(
    "list_domains",
    f"{SEE} or (role:reader and domain_id:%(target.domain.id)s)",
    "List domains; who has a token for one sees only that.",
)
CREATE_DOMAIN = _rule("create_domain", ADMIN, "Make a domain.")
UPDATE_DOMAIN = _rule("update_domain", ADMIN, "Change a domain.")
DELETE_DOMAIN = _rule("delete_domain", ADMIN, "Delete a domain.")

CREATE_DOMAIN_CONFIG = _rule("create_domain_config", ADMIN, "Give a domain options of its own.")
GET_DOMAIN_CONFIG = _rule("get_domain_config", SEE, "See a domain's options.")
UPDATE_DOMAIN_CONFIG = _rule("update_domain_config", ADMIN, "Change a domain's options.")
DELETE_DOMAIN_CONFIG = _rule("delete_domain_config", ADMIN, "Remove a domain's options.")
GET_DOMAIN_CONFIG_DEFAULT = _rule("get_domain_config_default", SEE, "See the defaults of domains' options.")
GET_SECURITY_COMPLIANCE = _rule(
    "get_security_compliance_domain_config", ANYBODY, "See the rules for passwords."
)

# -- projects --------------------------------------------------------------------------------------

GET_PROJECT = _rule("get_project", _READ_PROJECT, "See a project.")
LIST_PROJECTS = _rule("list_projects", f"{SEE} or (role:reader and domain_id:%(target.domain_id)s)",
                      "List projects.")  # fmt: skip
LIST_USER_PROJECTS = _rule("list_user_projects", _READ_USER, "List the projects on which a user has a role.")
CREATE_PROJECT = _rule("create_project", _MANAGE_PROJECT, "Make a project.")
UPDATE_PROJECT = _rule("update_project", _MANAGE_PROJECT, "Change a project.")
DELETE_PROJECT = _rule("delete_project", _MANAGE_PROJECT, "Delete a project.")
LIST_PROJECT_TAGS = _rule("list_project_tags", _READ_PROJECT, "List a project's tags.")
GET_PROJECT_TAG = _rule("get_project_tag", _READ_PROJECT, "Ask whether a project has a tag.")
UPDATE_PROJECT_TAGS = _rule("update_project_tags", _MANAGE_PROJECT, "Replace a project's tags.")
CREATE_PROJECT_TAG = _rule("create_project_tag", _MANAGE_PROJECT, "Add a tag to a project.")
DELETE_PROJECT_TAGS = _rule("delete_project_tags", _MANAGE_PROJECT, "Remove all of a project's tags.")
DELETE_PROJECT_TAG = _rule("delete_project_tag", _MANAGE_PROJECT, "Remove a tag from a project.")

# -- users and groups --------------------------------------------------------------------------------

GET_USER = _rule("get_user", _READ_USER, "See a user.")
LIST_USERS = _rule("list_users", f"{SEE} or (role:reader and domain_id:%(target.domain_id)s)", "List users.")
CREATE_USER = _rule("create_user", _MANAGE_USER, "Make a user.")
UPDATE_USER = _rule("update_user", _MANAGE_USER, "Change a user.")
DELETE_USER = _rule("delete_user", _MANAGE_USER, "Delete a user.")

GET_GROUP = _rule("get_group", _READ_GROUP, "See a group.")
LIST_GROUPS = _rule("list_groups", f"{SEE} or (role:reader and domain_id:%(target.domain_id)s)",
                    "List groups.")  # fmt: skip
LIST_GROUPS_FOR_USER = _rule(
    "list_groups_for_user", f"{SEE} or {_domain('reader', 'user')} or {OWNER}", "List a user's groups."
)
CREATE_GROUP = _rule("create_group", _MANAGE_GROUP, "Make a group.")
UPDATE_GROUP = _rule("update_group", _MANAGE_GROUP, "Change a group.")
DELETE_GROUP = _rule("delete_group", _MANAGE_GROUP, "Delete a group.")
LIST_USERS_IN_GROUP = _rule("list_users_in_group", _READ_GROUP, "List the members of a group.")
REMOVE_USER_FROM_GROUP = _rule("remove_user_from_group", _MANAGE_MEMBERSHIP, "Take a user out of a group.")
CHECK_USER_IN_GROUP = _rule("check_user_in_group", _READ_MEMBERSHIP, "Ask whether a user is in a group.")
ADD_USER_TO_GROUP = _rule("add_user_to_group", _MANAGE_MEMBERSHIP, "Put a user into a group.")

# -- roles and grants --------------------------------------------------------------------------------

GET_ROLE = _rule("get_role", f"{SEE} or (role:manager and rule:domain_managed_target_role)", "See a role.")
LIST_ROLES = _rule("list_roles", f"{SEE} or (role:manager and not domain_id:None)", "List roles.")
CREATE_ROLE = _rule("create_role", ADMIN, "Make a role.")
UPDATE_ROLE = _rule("update_role", ADMIN, "Change a role.")
DELETE_ROLE = _rule("delete_role", ADMIN, "Delete a role.")
GET_DOMAIN_ROLE = _rule("get_domain_role", SEE, "See a domain's own role.")
LIST_DOMAIN_ROLES = _rule("list_domain_roles", SEE, "List a domain's own roles.")
CREATE_DOMAIN_ROLE = _rule("create_domain_role", ADMIN, "Make a domain's own role.")
UPDATE_DOMAIN_ROLE = _rule("update_domain_role", ADMIN, "Change a domain's own role.")
DELETE_DOMAIN_ROLE = _rule("delete_domain_role", ADMIN, "Delete a domain's own role.")

GET_IMPLIED_ROLE = _rule("get_implied_role", SEE, "See whether a role implies another.")
LIST_IMPLIED_ROLES = _rule("list_implied_roles", SEE, "List what a role implies.")
CREATE_IMPLIED_ROLE = _rule("create_implied_role", ADMIN, "Let a role imply another.")
DELETE_IMPLIED_ROLE = _rule("delete_implied_role", ADMIN, "Undo an implication.")
LIST_ROLE_INFERENCE_RULES = _rule("list_role_inference_rules", SEE, "List all implications.")
CHECK_IMPLIED_ROLE = _rule("check_implied_role", SEE, "Ask whether a role implies another.")


def _grant(role: str, condition: str = "") -> str:
    """The reader or manager of the domain in which both the actor and the target are."""
    actors = ("user", "group")
    targets = ("target.project.domain_id", "target.domain.id")
    cases = [
        f"(role:{role} and domain_id:%(target.{actor}.domain_id)s and domain_id:%({target})s)"
        for actor in actors
        for target in targets
    ]
    return f"({' or '.join(cases)}){condition}"


_OWN_ROLE = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
_SEE_GRANT = f"{SEE} or ({_grant('reader')} and {_OWN_ROLE})"
_MANAGE_GRANT = f"{ADMIN} or ({_grant('manager')} and rule:domain_managed_target_role)"
CHECK_GRANT = _rule("check_grant", _SEE_GRANT, "Ask whether somebody holds a role somewhere.")
LIST_GRANTS = _rule("list_grants", f"{SEE} or {_grant('reader')}", "List the roles of somebody somewhere.")
CREATE_GRANT = _rule("create_grant", _MANAGE_GRANT, "Give a role.")
REVOKE_GRANT = _rule("revoke_grant", _MANAGE_GRANT, "Take a role.")

LIST_SYSTEM_GRANTS_FOR_USER = _rule("list_system_grants_for_user", SEE, "List a user's roles on the system.")
CHECK_SYSTEM_GRANT_FOR_USER = _rule(
    "check_system_grant_for_user", SEE, "Ask for a user's role on the system."
)
CREATE_SYSTEM_GRANT_FOR_USER = _rule(
    "create_system_grant_for_user", ADMIN, "Give a user a role on the system."
)
REVOKE_SYSTEM_GRANT_FOR_USER = _rule(
    "revoke_system_grant_for_user", ADMIN, "Take a user's role on the system."
)
LIST_SYSTEM_GRANTS_FOR_GROUP = _rule(
    "list_system_grants_for_group", SEE, "List a group's roles on the system."
)
CHECK_SYSTEM_GRANT_FOR_GROUP = _rule(
    "check_system_grant_for_group", SEE, "Ask for a group's role on the system."
)
CREATE_SYSTEM_GRANT_FOR_GROUP = _rule(
    "create_system_grant_for_group", ADMIN, "Give a group a role on the system."
)
REVOKE_SYSTEM_GRANT_FOR_GROUP = _rule(
    "revoke_system_grant_for_group", ADMIN, "Take a group's role on the system."
)

LIST_ROLE_ASSIGNMENTS = _rule(
    "list_role_assignments",
    f"{SEE} or (role:reader and domain_id:%(target.domain_id)s)",
    "List role assignments.",
)
LIST_ROLE_ASSIGNMENTS_FOR_TREE = _rule(
    "list_role_assignments_for_tree",
    f"{SEE} or (role:reader and domain_id:%(target.domain_id)s)",
    "List the role assignments on a project and those below it.",
)

# -- the catalog -------------------------------------------------------------------------------------

GET_REGION = _rule("get_region", ANYBODY, "See a region.")
LIST_REGIONS = _rule("list_regions", ANYBODY, "List regions.")
CREATE_REGION = _rule("create_region", ADMIN, "Make a region.")
UPDATE_REGION = _rule("update_region", ADMIN, "Change a region.")
DELETE_REGION = _rule("delete_region", ADMIN, "Delete a region.")
GET_SERVICE = _rule("get_service", SEE, "See a service of the catalog.")
LIST_SERVICES = _rule("list_services", SEE, "List the services of the catalog.")
CREATE_SERVICE = _rule("create_service", ADMIN, "Put a service into the catalog.")
UPDATE_SERVICE = _rule("update_service", ADMIN, "Change a service of the catalog.")
DELETE_SERVICE = _rule("delete_service", ADMIN, "Take a service out of the catalog.")
GET_ENDPOINT = _rule("get_endpoint", SEE, "See an endpoint.")
LIST_ENDPOINTS = _rule("list_endpoints", SEE, "List endpoints.")
CREATE_ENDPOINT = _rule("create_endpoint", ADMIN, "Make an endpoint.")
UPDATE_ENDPOINT = _rule("update_endpoint", ADMIN, "Change an endpoint.")
DELETE_ENDPOINT = _rule("delete_endpoint", ADMIN, "Delete an endpoint.")

CREATE_ENDPOINT_GROUP = _rule("create_endpoint_group", ADMIN, "Make an endpoint group.")
LIST_ENDPOINT_GROUPS = _rule("list_endpoint_groups", SEE, "List endpoint groups.")
GET_ENDPOINT_GROUP = _rule("get_endpoint_group", SEE, "See an endpoint group.")
UPDATE_ENDPOINT_GROUP = _rule("update_endpoint_group", ADMIN, "Change an endpoint group.")
DELETE_ENDPOINT_GROUP = _rule("delete_endpoint_group", ADMIN, "Delete an endpoint group.")
LIST_PROJECTS_OF_ENDPOINT_GROUP = _rule(
    "list_projects_associated_with_endpoint_group", SEE, "List the projects limited to an endpoint group."
)
LIST_ENDPOINTS_OF_ENDPOINT_GROUP = _rule(
    "list_endpoints_associated_with_endpoint_group", SEE, "List the endpoints of an endpoint group."
)
GET_ENDPOINT_GROUP_IN_PROJECT = _rule(
    "get_endpoint_group_in_project", SEE, "Ask whether a project is limited to an endpoint group."
)
LIST_ENDPOINT_GROUPS_FOR_PROJECT = _rule(
    "list_endpoint_groups_for_project", SEE, "List the endpoint groups that a project is limited to."
)
ADD_ENDPOINT_GROUP_TO_PROJECT = _rule(
    "add_endpoint_group_to_project", ADMIN, "Limit a project to an endpoint group."
)
REMOVE_ENDPOINT_GROUP_FROM_PROJECT = _rule(
    "remove_endpoint_group_from_project", ADMIN, "Undo a limit to an endpoint group."
)
LIST_PROJECTS_FOR_ENDPOINT = _rule(
    "list_projects_for_endpoint", SEE, "List the projects limited to an endpoint."
)
ADD_ENDPOINT_TO_PROJECT = _rule("add_endpoint_to_project", ADMIN, "Limit a project to an endpoint.")
CHECK_ENDPOINT_IN_PROJECT = _rule(
    "check_endpoint_in_project", SEE, "Ask whether a project is limited to an endpoint."
)
LIST_ENDPOINTS_FOR_PROJECT = _rule(
    "list_endpoints_for_project", SEE, "List the endpoints that a project is limited to."
)
REMOVE_ENDPOINT_FROM_PROJECT = _rule("remove_endpoint_from_project", ADMIN, "Undo a limit to an endpoint.")

# -- tokens --------------------------------------------------------------------------------------------

CHECK_TOKEN = _rule("check_token", f"{SEE} or rule:token_subject", "Ask whether a token is valid.")
VALIDATE_TOKEN = _rule(
    "validate_token", f"{SEE} or rule:service_role or rule:token_subject", "See what a token means."
)
REVOKE_TOKEN = _rule("revoke_token", "rule:admin_required or rule:token_subject", "Make a token void.")
GET_AUTH_CATALOG = _rule("get_auth_catalog", ANYBODY, "See the catalog.")
GET_AUTH_PROJECTS = _rule("get_auth_projects", ANYBODY, "List the projects that one may have a token for.")
GET_AUTH_DOMAINS = _rule("get_auth_domains", ANYBODY, "List the domains that one may have a token for.")
GET_AUTH_SYSTEM = _rule("get_auth_system", ANYBODY, "Ask whether one may have a token for the system.")

# -- credentials ---------------------------------------------------------------------------------------

_CREDENTIAL_OWNER = "user_id:%(target.credential.user_id)s"
GET_CREDENTIAL = _rule("get_credential", f"{SEE} or {_CREDENTIAL_OWNER}", "See a credential.")
LIST_CREDENTIALS = _rule("list_credentials", f"{SEE} or {_CREDENTIAL_OWNER}", "List credentials.")
CREATE_CREDENTIAL = _rule("create_credential", f"{ADMIN} or {_CREDENTIAL_OWNER}", "Make a credential.")
UPDATE_CREDENTIAL = _rule("update_credential", f"{ADMIN} or {_CREDENTIAL_OWNER}", "Change a credential.")
DELETE_CREDENTIAL = _rule("delete_credential", f"{ADMIN} or {_CREDENTIAL_OWNER}", "Delete a credential.")

EC2_GET_CREDENTIAL = _rule("ec2_get_credential", f"{SEE} or {_CREDENTIAL_OWNER}", "See an EC2 credential.")
EC2_LIST_CREDENTIALS = _rule("ec2_list_credentials", f"{SEE} or rule:owner", "List EC2 credentials.")
EC2_CREATE_CREDENTIAL = _rule(
    "ec2_create_credential", f"{ADMIN} or (role:member and {_CREDENTIAL_OWNER})", "Make an EC2 credential."
)
EC2_DELETE_CREDENTIAL = _rule(
    "ec2_delete_credential",
    f"{ADMIN} or (role:member and {_CREDENTIAL_OWNER})",
    "Delete an EC2 credential.",
)
EC2TOKENS_VALIDATE = _rule(
    "ec2tokens_validate", "rule:service_or_admin", "Get a token for who signed a request to EC2."
)
S3TOKENS_VALIDATE = _rule(
    "s3tokens_validate", "rule:service_or_admin", "Get a token for who signed a request to S3."
)

GET_APPLICATION_CREDENTIAL = _rule(
    "get_application_credential", f"{SEE} or rule:owner", "See an application credential."
)
LIST_APPLICATION_CREDENTIALS = _rule(
    "list_application_credentials", f"{SEE} or rule:owner", "List application credentials."
)
CREATE_APPLICATION_CREDENTIAL = _rule(
    "create_application_credential", OWNER, "Make an application credential."
)
DELETE_APPLICATION_CREDENTIAL = _rule(
    "delete_application_credential", "rule:admin_or_owner", "Delete an application credential."
)
GET_ACCESS_RULE = _rule("get_access_rule", f"{SEE} or {OWN}", "See an access rule.")
LIST_ACCESS_RULES = _rule("list_access_rules", f"{SEE} or {OWN}", "List access rules.")
DELETE_ACCESS_RULE = _rule("delete_access_rule", f"{ADMIN} or {OWN}", "Delete an access rule.")

# -- trusts --------------------------------------------------------------------------------------------

_TRUSTOR = "user_id:%(target.trust.trustor_user_id)s"
_TRUSTEE = "user_id:%(target.trust.trustee_user_id)s"
CREATE_TRUST = _rule("create_trust", _TRUSTOR, "Trust another user.")
LIST_TRUSTS = _rule("list_trusts", SEE, "List all trusts.")
LIST_TRUSTS_FOR_TRUSTOR = _rule(
    "list_trusts_for_trustor", f"{SEE} or {_TRUSTOR}", "List the trusts one gave."
)
LIST_TRUSTS_FOR_TRUSTEE = _rule("list_trusts_for_trustee", f"{SEE} or {_TRUSTEE}", "List the trusts one got.")
LIST_ROLES_FOR_TRUST = _rule(
    "list_roles_for_trust", f"{SEE} or {_TRUSTOR} or {_TRUSTEE}", "List the roles of a trust."
)
GET_ROLE_FOR_TRUST = _rule(
    "get_role_for_trust", f"{SEE} or {_TRUSTOR} or {_TRUSTEE}", "Ask whether a trust has a role."
)
DELETE_TRUST = _rule("delete_trust", f"{ADMIN} or {_TRUSTOR}", "End a trust.")
GET_TRUST = _rule("get_trust", f"{SEE} or {_TRUSTOR} or {_TRUSTEE}", "See a trust.")

# -- policies ------------------------------------------------------------------------------------------

GET_POLICY = _rule("get_policy", SEE, "See a policy document.")
LIST_POLICIES = _rule("list_policies", SEE, "List policy documents.")
CREATE_POLICY = _rule("create_policy", ADMIN, "Keep a policy document.")
UPDATE_POLICY = _rule("update_policy", ADMIN, "Change a policy document.")
DELETE_POLICY = _rule("delete_policy", ADMIN, "Delete a policy document.")

# -- limits --------------------------------------------------------------------------------------------

GET_LIMIT_MODEL = _rule("get_limit_model", ANYBODY, "See how limits are enforced.")
GET_LIMIT = _rule(
    "get_limit",
    f"{SEE} or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s"
    " or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)",
    "See a limit.",
)
LIST_LIMITS = _rule("list_limits", ANYBODY, "List limits; who may not see all sees the own ones.")
CREATE_LIMITS = _rule("create_limits", ADMIN, "Make limits.")
UPDATE_LIMIT = _rule("update_limit", ADMIN, "Change a limit.")
DELETE_LIMIT = _rule("delete_limit", ADMIN, "Delete a limit.")
GET_REGISTERED_LIMIT = _rule("get_registered_limit", ANYBODY, "See the default of a limit.")
LIST_REGISTERED_LIMITS = _rule("list_registered_limits", ANYBODY, "List the defaults of limits.")
CREATE_REGISTERED_LIMITS = _rule("create_registered_limits", ADMIN, "Make defaults of limits.")
UPDATE_REGISTERED_LIMIT = _rule("update_registered_limit", ADMIN, "Change the default of a limit.")
DELETE_REGISTERED_LIMIT = _rule("delete_registered_limit", ADMIN, "Delete the default of a limit.")

# -- consumers -----------------------------------------------------------------------------------------

GET_CONSUMER = _rule("get_consumer", SEE, "See an OAuth consumer.")
LIST_CONSUMERS = _rule("list_consumers", SEE, "List OAuth consumers.")
CREATE_CONSUMER = _rule("create_consumer", ADMIN, "Make an OAuth consumer.")
UPDATE_CONSUMER = _rule("update_consumer", ADMIN, "Change an OAuth consumer.")
DELETE_CONSUMER = _rule("delete_consumer", ADMIN, "Delete an OAuth consumer.")

# -- hosts ---------------------------------------------------------------------------------------------

GET_HOST = _rule("get_host", SEE, "See a host that joined the cloud.")
LIST_HOSTS = _rule("list_hosts", SEE, "List the hosts that joined the cloud.")
DELETE_HOST = _rule("delete_host", ADMIN, "Take back the account of a host.")
GET_JOIN_TOKEN = _rule("get_join_token", SEE, "See for which host a token is, but not the token itself.")
LIST_JOIN_TOKENS = _rule("list_join_tokens", SEE, "List the tokens by which hosts may join.")
CREATE_JOIN_TOKEN = _rule("create_join_token", ADMIN, "Let a host join the cloud.")
DELETE_JOIN_TOKEN = _rule("delete_join_token", ADMIN, "Make a token useless.")
