"""/v3/domains/{id}/config: options that a domain has of its own."""

from __future__ import annotations

from typing import Any

from nacre.kernel import wire
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.services.identity import policy
from nacre.services.identity.api.shapes import no_target
from nacre.services.identity.app import domain_configs, domains
from nacre.services.identity.db.projects import Project as Domain

CONFIG = wire.Object({}, unknown=wire.ANY)

routes = Routes("/v3/domains")
_READ: dict[str, Any] = {"policy": policy.GET_DOMAIN_CONFIG, "load": domains.get, "target": no_target}
_WRITE: dict[str, Any] = {
    "policy": policy.UPDATE_DOMAIN_CONFIG,
    "load": domains.get,
    "target": no_target,
    "envelope": "config",
    "body": CONFIG,
}
_DELETE: dict[str, Any] = {"policy": policy.DELETE_DOMAIN_CONFIG, "load": domains.get, "target": no_target}
_COMPLIANCE: dict[str, Any] = {
    "policy": policy.GET_SECURITY_COMPLIANCE,
    "load": domains.get,
    "target": no_target,
}
_DEFAULT: dict[str, Any] = {"policy": policy.GET_DOMAIN_CONFIG_DEFAULT, "target": no_target}


@routes.get("/config/default", **_DEFAULT)
def show_defaults(req: Request) -> dict[str, Any]:
    return {"config": domain_configs.defaults()}


@routes.get("/config/{group}/default", **_DEFAULT)
def show_group_defaults(req: Request, group: str) -> dict[str, Any]:
    return {"config": domain_configs.defaults(group)}


@routes.get("/config/{group}/{option}/default", **_DEFAULT)
def show_option_default(req: Request, group: str, option: str) -> dict[str, Any]:
    return {"config": domain_configs.defaults(group, option)}


@routes.put(
    "/{domain_id}/config",
    policy=policy.CREATE_DOMAIN_CONFIG,
    load=domains.get,
    target=no_target,
    envelope="config",
    body=CONFIG,
    status=201,
)
def create(req: Request, domain: Domain, body: dict[str, Any]) -> dict[str, Any]:
    return {"config": domain_configs.replace(req.ctx, domain, body)}


@routes.get("/{domain_id}/config", **_READ)
def show(req: Request, domain: Domain) -> dict[str, Any]:
    return {"config": domain_configs.show(req.ctx, domain)}


@routes.patch("/{domain_id}/config", **_WRITE)
def update(req: Request, domain: Domain, body: dict[str, Any]) -> dict[str, Any]:
    return {"config": domain_configs.update(req.ctx, domain, body)}


@routes.delete("/{domain_id}/config", **_DELETE)
def delete(req: Request, domain: Domain) -> None:
    domain_configs.delete(req.ctx, domain)


@routes.get(f"/{{domain_id}}/config/{domain_configs.COMPLIANCE}", **_COMPLIANCE)
def show_compliance(req: Request, domain: Domain) -> dict[str, Any]:
    return {"config": domain_configs.security_compliance(req.ctx)}


@routes.get(f"/{{domain_id}}/config/{domain_configs.COMPLIANCE}/{{option}}", **_COMPLIANCE)
def show_compliance_option(req: Request, domain: Domain, option: str) -> dict[str, Any]:
    return {"config": domain_configs.security_compliance(req.ctx, option)}


@routes.get("/{domain_id}/config/{group}", **_READ)
def show_group(req: Request, domain: Domain, group: str) -> dict[str, Any]:
    return {"config": domain_configs.show(req.ctx, domain, group)}


@routes.patch("/{domain_id}/config/{group}", **_WRITE)
def update_group(req: Request, domain: Domain, group: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"config": domain_configs.update(req.ctx, domain, body, group)}


@routes.delete("/{domain_id}/config/{group}", **_DELETE)
def delete_group(req: Request, domain: Domain, group: str) -> None:
    domain_configs.delete(req.ctx, domain, group)


@routes.get("/{domain_id}/config/{group}/{option}", **_READ)
def show_option(req: Request, domain: Domain, group: str, option: str) -> dict[str, Any]:
    return {"config": domain_configs.show(req.ctx, domain, group, option)}


@routes.patch("/{domain_id}/config/{group}/{option}", **_WRITE)
def update_option(
    req: Request, domain: Domain, group: str, option: str, body: dict[str, Any]
) -> dict[str, Any]:
    return {"config": domain_configs.update(req.ctx, domain, body, group, option)}


@routes.delete("/{domain_id}/config/{group}/{option}", **_DELETE)
def delete_option(req: Request, domain: Domain, group: str, option: str) -> None:
    domain_configs.delete(req.ctx, domain, group, option)
