"""/limits: what a project may have and what it has, in the names that clients of old know."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import SHOW, Resource, field
from nacre.services.compute import policy as rules
from nacre.services.compute.api import queries
from nacre.services.compute.app import quotas
from nacre.services.compute.app.quotas import Standing


def _limit(resource: str, wire: str, **options: Any) -> Any:
    return field(SHOW, wire=wire, source=lambda req, standing: standing.limits[resource], **options)


def _used(resource: str, wire: str, **options: Any) -> Any:
    return field(SHOW, wire=wire, source=lambda req, standing: standing.used.get(resource, 0), **options)


class Limits(Resource):
    key, keys = "limits", "limits"

    servers = _limit("instances", "maxTotalInstances")
    cores = _limit("cores", "maxTotalCores")
    memory = _limit("ram", "maxTotalRAMSize")
    keypairs = _limit("key_pairs", "maxTotalKeypairs")
    metadata = _limit("metadata_items", "maxServerMeta")
    image_metadata = _limit("metadata_items", "maxImageMeta", until="2.38")
    groups = _limit("server_groups", "maxServerGroups")
    members = _limit("server_group_members", "maxServerGroupMembers")
    files = _limit("injected_files", "maxPersonality", until="2.56")
    file_bytes = _limit("injected_file_content_bytes", "maxPersonalitySize", until="2.56")
    floating_ips = _limit("floating_ips", "maxTotalFloatingIps", until="2.35")
    security_groups = _limit("security_groups", "maxSecurityGroups", until="2.35")
    security_group_rules = _limit("security_group_rules", "maxSecurityGroupRules", until="2.35")
    servers_used = _used("instances", "totalInstancesUsed")
    cores_used = _used("cores", "totalCoresUsed")
    memory_used = _used("ram", "totalRAMUsed")
    groups_used = _used("server_groups", "totalServerGroupsUsed")
    # compat: the network service counts these; here they are always none (nova, limits.py)
    floating_ips_used = _used("floating_ips", "totalFloatingIpsUsed", until="2.35")
    security_groups_used = _used("security_groups", "totalSecurityGroupsUsed", until="2.35")


routes = Routes("/v2.1/limits", resource=Limits)


@routes.get(policy=rules.LIMITS)
def index(req: Request) -> dict[str, Any]:
    queries.refuse_unknown(req, {"tenant_id", "reserved"})
    project_id = req.arg("tenant_id")
    if project_id is not None:
        req.authorise(rules.LIMITS_OTHERS, {"project_id": project_id})
    standing: Standing = quotas.standing(req.ctx, project_id or req.ctx.project_id or "")
    return {"limits": {"rate": [], "absolute": req.show(Limits, standing)}}
