"""The tables of the identity service.

A domain is a project that has no domain (`domain_id` is empty): it is the root of a tree of
projects and the namespace of their names.  Global roles likewise have an empty `domain_id`.
`tokens_valid_from` is the moment before which tokens of a user, project or domain were issued in
vain: passwords were changed or things were disabled since.
"""

from enum import StrEnum
from pathlib import Path

from sqlalchemy import Boolean, Index, Integer, Table, UniqueConstraint

from nacre.kernel.db import (
    Big,
    Json,
    LongText,
    Name,
    OneOf,
    Schema,
    Serial,
    UtcDateTime,
    column,
    new_metadata,
    sized,
)


class Actor(StrEnum):
    """Who holds a role."""

    USER = "user"
    GROUP = "group"


class Target(StrEnum):
    """What a role is held on."""

    PROJECT = "project"
    DOMAIN = "domain"
    SYSTEM = "system"


#: 32 hex digits for our own ids; up to 64 for those that come from elsewhere or are hashes.
Key = sized(64)
Region = sized(191)
HostName = sized(191)
Extra = Json(dict[str, object])

metadata = new_metadata()

projects = Table(
    "projects", metadata,
    column("id", Key, key=True),
    column("domain_id", Key),
    column("parent_id", Key, null=True),
    column("name", sized(64)),
    column("description", LongText),
    column("enabled", Boolean),
    column("options", Extra),
    column("extra", Extra),
    column("tokens_valid_from", UtcDateTime, null=True),
    UniqueConstraint("name", "domain_id"),
    Index("projects_by_domain", "domain_id", "id"),
    Index("projects_by_parent", "parent_id"),
)  # fmt: skip

project_tags = Table(
    "project_tags", metadata,
    column("project_id", Key, key=True),
    column("name", Name, key=True),
    Index("project_tags_by_name", "name"),
)  # fmt: skip

users = Table(
    "users", metadata,
    column("id", Key, key=True),
    column("domain_id", Key),
    column("name", Name),
    column("enabled", Boolean),
    column("default_project_id", Key, null=True),
    column("password_hash", Name, null=True),
    column("password_changed_at", UtcDateTime, null=True),
    column("password_expires_at", UtcDateTime, null=True),
    column("failed_logins", Integer),
    column("failed_login_at", UtcDateTime, null=True),
    column("options", Extra),
    column("extra", Extra),
    column("created_at", UtcDateTime),
    column("tokens_valid_from", UtcDateTime, null=True),
    UniqueConstraint("name", "domain_id"),
    Index("users_by_domain", "domain_id", "id"),
    Index("users_by_default_project", "default_project_id"),
)  # fmt: skip

old_passwords = Table(
    "old_passwords", metadata,
    column("id", Serial, key=True, autoincrement=True),
    column("user_id", Key),
    column("password_hash", Name),
    Index("old_passwords_by_user", "user_id", "id"),
)  # fmt: skip

groups = Table(
    "groups", metadata,
    column("id", Key, key=True),
    column("domain_id", Key),
    column("name", sized(64)),
    column("description", LongText),
    column("extra", Extra),
    UniqueConstraint("name", "domain_id"),
    Index("groups_by_domain", "domain_id", "id"),
)  # fmt: skip

memberships = Table(
    "memberships", metadata,
    column("group_id", Key, key=True),
    column("user_id", Key, key=True),
    Index("memberships_by_user", "user_id", "group_id"),
)  # fmt: skip

roles = Table(
    "roles", metadata,
    column("id", Key, key=True),
    column("domain_id", Key),
    column("name", Name),
    column("description", LongText, null=True),
    column("options", Extra),
    column("extra", Extra),
    UniqueConstraint("domain_id", "name"),
)  # fmt: skip

implications = Table(
    "implications", metadata,
    column("prior_id", Key, key=True),
    column("implied_id", Key, key=True),
    Index("implications_by_implied", "implied_id"),
)  # fmt: skip

assignments = Table(
    "assignments", metadata,
    column("actor_id", Key, key=True),
    column("target_id", Key, key=True),
    column("role_id", Key, key=True),
    column("inherited", Boolean, key=True),
    column("target", OneOf(Target, 8), key=True),  # a domain's id is that of a project too
    column("actor", OneOf(Actor, 8)),
    Index("assignments_by_target", "target_id", "actor_id"),
    Index("assignments_by_role", "role_id"),
)  # fmt: skip

regions = Table(
    "regions", metadata,
    column("id", Region, key=True),
    column("parent_region_id", Region, null=True),
    column("description", LongText),
    column("extra", Extra),
    Index("regions_by_parent", "parent_region_id"),
)  # fmt: skip

services = Table(
    "services", metadata,
    column("id", Key, key=True),
    column("type", Name),
    column("name", Name, null=True),
    column("description", LongText, null=True),
    column("enabled", Boolean),
    column("extra", Extra),
    Index("services_by_type", "type"),
)  # fmt: skip

endpoints = Table(
    "endpoints", metadata,
    column("id", Key, key=True),
    column("service_id", Key),
    column("region_id", Region, null=True),
    column("interface", sized(8)),
    column("url", LongText),
    column("enabled", Boolean),
    column("extra", Extra),
    Index("endpoints_by_service", "service_id"),
    Index("endpoints_by_region", "region_id"),
)  # fmt: skip

endpoint_groups = Table(
    "endpoint_groups", metadata,
    column("id", Key, key=True),
    column("name", Name),
    column("description", LongText, null=True),
    column("filters", Extra),
)  # fmt: skip

endpoint_group_projects = Table(
    "endpoint_group_projects", metadata,
    column("endpoint_group_id", Key, key=True),
    column("project_id", Key, key=True),
    Index("endpoint_group_projects_by_project", "project_id"),
)  # fmt: skip

endpoint_projects = Table(
    "endpoint_projects", metadata,
    column("endpoint_id", Key, key=True),
    column("project_id", Key, key=True),
    Index("endpoint_projects_by_project", "project_id"),
)  # fmt: skip

policies = Table(
    "policies", metadata,
    column("id", Key, key=True),
    column("type", Name),
    column("blob", LongText),
    column("extra", Extra),
)  # fmt: skip

credentials = Table(
    "credentials", metadata,
    column("id", Key, key=True),
    column("user_id", Key),
    column("project_id", Key, null=True),
    column("type", Name),
    column("sealed_blob", LongText),
    column("extra", Extra),
    column("application_credential_id", Key, null=True),
    column("trust_id", Key, null=True),
    Index("credentials_by_user", "user_id", "type"),
    Index("credentials_by_project", "project_id"),
)  # fmt: skip

application_credentials = Table(
    "application_credentials", metadata,
    column("id", Key, key=True),
    column("user_id", Key),
    column("project_id", Key),
    column("name", Name),
    column("description", LongText, null=True),
    column("secret_hash", Name),
    column("expires_at", UtcDateTime, null=True),
    column("unrestricted", Boolean),
    UniqueConstraint("user_id", "name"),
    Index("application_credentials_by_project", "project_id"),
)  # fmt: skip

application_credential_roles = Table(
    "application_credential_roles", metadata,
    column("application_credential_id", Key, key=True),
    column("role_id", Key, key=True),
    Index("application_credential_roles_by_role", "role_id"),
)  # fmt: skip

access_rules = Table(
    "access_rules", metadata,
    column("id", Key, key=True),
    column("user_id", Key),
    column("service", Name),
    column("method", sized(16)),
    column("path", sized(128)),
    Index("access_rules_by_user", "user_id"),
)  # fmt: skip

application_credential_access_rules = Table(
    "application_credential_access_rules", metadata,
    column("application_credential_id", Key, key=True),
    column("access_rule_id", Key, key=True),
    Index("application_credential_access_rules_by_rule", "access_rule_id"),
)  # fmt: skip

registered_limits = Table(
    "registered_limits", metadata,
    column("id", Key, key=True),
    column("service_id", Key),
    column("region_id", Region, null=True),
    column("resource_name", Name),
    column("default_limit", Big),
    column("description", LongText, null=True),
    Index("registered_limits_by_service", "service_id"),
)  # fmt: skip

limits = Table(
    "limits", metadata,
    column("id", Key, key=True),
    column("project_id", Key, null=True),
    column("domain_id", Key, null=True),
    column("service_id", Key),
    column("region_id", Region, null=True),
    column("resource_name", Name),
    column("resource_limit", Big),
    column("description", LongText, null=True),
    Index("limits_by_project", "project_id"),
    Index("limits_by_domain", "domain_id"),
    Index("limits_by_service", "service_id"),
)  # fmt: skip

trusts = Table(
    "trusts", metadata,
    column("id", Key, key=True),
    column("trustor_user_id", Key),
    column("trustee_user_id", Key),
    column("project_id", Key, null=True),
    column("impersonation", Boolean),
    column("expires_at", UtcDateTime, null=True),
    column("remaining_uses", Integer, null=True),
    column("redelegated_trust_id", Key, null=True),
    column("redelegation_count", Integer),
    column("extra", Extra),
    Index("trusts_by_trustor", "trustor_user_id"),
    Index("trusts_by_trustee", "trustee_user_id"),
    Index("trusts_by_project", "project_id"),
    Index("trusts_by_redelegated", "redelegated_trust_id"),
)  # fmt: skip

trust_roles = Table(
    "trust_roles", metadata,
    column("trust_id", Key, key=True),
    column("role_id", Key, key=True),
    Index("trust_roles_by_role", "role_id"),
)  # fmt: skip

domain_options = Table(
    "domain_options", metadata,
    column("domain_id", Key, key=True),
    column("group_name", sized(64), key=True),
    column("option_name", sized(64), key=True),
    column("value", Json()),
    column("sensitive", Boolean),
)  # fmt: skip

consumers = Table(
    "consumers", metadata,
    column("id", Key, key=True),
    column("description", LongText, null=True),
    column("sealed_secret", LongText),
    column("extra", Extra),
)  # fmt: skip

revocations = Table(
    "revocations", metadata,
    column("audit_id", sized(32), key=True),
    column("expires_at", UtcDateTime),
    Index("revocations_by_expiry", "expires_at"),
)  # fmt: skip

generation = Table(
    "generation", metadata,
    column("id", Integer, key=True, autoincrement=False),
    column("number", Big),
)  # fmt: skip

sealed_keys = Table(
    "sealed_keys", metadata,
    column("repository", sized(16), key=True),
    column("number", Integer, key=True, autoincrement=False),
    column("sealed", LongText),
    column("created_at", UtcDateTime),
)  # fmt: skip

hosts = Table(
    "hosts", metadata,
    column("name", HostName, key=True),
    column("account", sized(255)),
    column("password_hash", sized(255)),
    column("joined_at", UtcDateTime),
)  # fmt: skip

join_tokens = Table(
    "join_tokens", metadata,
    column("id", Key, key=True),
    column("host", HostName),
    column("secret_hash", sized(64)),
    column("created_at", UtcDateTime),
    column("expires_at", UtcDateTime),
    column("used_at", UtcDateTime, null=True),
    column("used_with", sized(255), null=True),
    Index("join_tokens_by_expiry", "expires_at"),
)  # fmt: skip

SCHEMA = Schema(metadata, revision="0002", migrations=Path(__file__).parent / "migrations")
