"""The manifest of the identity service."""

from nacre.kernel.http.api import Api, CatalogEntry
from nacre.kernel.http.faults import Titled
from nacre.kernel.service import Manifest
from nacre.services.identity import policy
from nacre.services.identity.api import (
    application_credentials,
    auth,
    consumers,
    credentials,
    domain_configs,
    domains,
    ec2,
    endpoint_groups,
    endpoints,
    grants,
    group_members,
    groups,
    hosts,
    limits,
    policies,
    projects,
    regions,
    role_assignments,
    roles,
    services,
    trusts,
    users,
    versions,
)
from nacre.services.identity.app import targets
from nacre.services.identity.app.state import prepare
from nacre.services.identity.app.tokens import authenticator
from nacre.services.identity.config import IdentityOptions
from nacre.services.identity.db.tables import SCHEMA

MANIFEST = Manifest(
    name="identity",
    apis=(
        Api(
            name="identity",
            port=5000,
            prefix="identity",
            version_path="/v3",
            faults=Titled(),
            order=("load", "body", "authorise"),
            max_body_bytes=114_688,  # as upstream's
            missing_target=targets.missing,
            routes=(
                versions.routes,
                auth.routes,
                domains.routes,
                projects.routes,
                users.routes,
                groups.routes,
                group_members.routes,
                roles.routes,
                roles.inferences,
                grants.routes,
                role_assignments.routes,
                regions.routes,
                services.routes,
                endpoints.routes,
                endpoint_groups.routes,
                policies.routes,
                credentials.routes,
                ec2.routes,
                application_credentials.routes,
                application_credentials.rules,
                trusts.routes,
                limits.registered,
                limits.routes,
                domain_configs.routes,
                consumers.routes,
                hosts.routes,
                hosts.tokens,
            ),
            catalog=CatalogEntry(type="identity", name="keystone", path="/v3"),
        ),
    ),
    options=IdentityOptions,
    policies=tuple(policy.RULES),
    schema=SCHEMA,
    control_exchange="keystone",
    on_start=prepare,
    authenticator=authenticator,
)
