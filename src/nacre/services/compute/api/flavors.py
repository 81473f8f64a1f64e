"""/flavors: the sizes that servers come in, who may use the private ones, and their extra specs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nacre.kernel.db import Sort
from nacre.kernel.errors import BadRequest, Invalid, NotFound
from nacre.kernel.http.pagination import next_links, page
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import DO_AGAIN, Operation, Routes
from nacre.kernel.wire import (
    BRIEF,
    CREATE,
    SHOW,
    SORT,
    UPDATE,
    Bool,
    Int,
    Nullable,
    Number,
    Object,
    Resource,
    Str,
    field,
)
from nacre.services.compute import policy as rules
from nacre.services.compute import versions
from nacre.services.compute.api import links, queries
from nacre.services.compute.api.checks import EXTRA_SPECS, Numbers, TrimmedName
from nacre.services.compute.app import flavors, projects
from nacre.services.compute.db.flavors import Flavor as Row

FLAVOR_ID = Nullable(Numbers(Str(1, 255, pattern=r"(?! )[a-zA-Z0-9. _-]+(?<! )")))
DESCRIPTION = Nullable(Str(0, 65535, pattern=r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*"))


def _swap(req: Request, flavor: Row) -> int | str:
    # compat: no swap is "" up to 2.74, for XML's sake once (nova, views/flavors.py)
    if flavor.swap_mb or (req.version and req.version >= versions.STRICT_QUERIES):
        return flavor.swap_mb
    return ""


class Flavor(Resource):
    key, keys = "flavor", "flavors"

    id = field(CREATE, SHOW, BRIEF, check=FLAVOR_ID)
    name = field(CREATE, SHOW, BRIEF, check=TrimmedName(), required=True)
    memory_mb = field(CREATE, SHOW, check=Int(1), required=True, wire="ram")
    vcpus = field(CREATE, SHOW, check=Int(1), required=True)
    root_gb = field(CREATE, SHOW, check=Int(0), required=True, wire="disk")
    ephemeral_gb = field(CREATE, SHOW, check=Int(0), default=0, wire="OS-FLV-EXT-DATA:ephemeral")
    swap_mb = field(CREATE, SHOW, check=Int(0), default=0, wire="swap", source=_swap)
    rxtx_factor = field(CREATE, SHOW, check=Number(0.0), default=1.0)
    disabled = field(SHOW, wire="OS-FLV-DISABLED:disabled")
    is_public = field(CREATE, SHOW, check=Bool(), default=True, wire="os-flavor-access:is_public")
    description = field(CREATE, SHOW, BRIEF, check=DESCRIPTION, since="2.55")
    links = field(SHOW, BRIEF, source=lambda req, flavor: links.of(req, "flavors", flavor.id))
    extra_specs = field(SHOW, since="2.61")


class Description(Resource):
    key, keys = "flavor", "flavors"

    description = field(UPDATE, check=DESCRIPTION)


class Sorting(Resource):
    """By what flavors may be sorted, under upstream's names of its columns."""

    key, keys = "flavor", "flavors"

    id = field(SORT, wire="flavorid")
    serial = field(SORT, wire="id")
    name = field(SORT)
    memory_mb = field(SORT)
    vcpus = field(SORT)
    root_gb = field(SORT)
    ephemeral_gb = field(SORT)
    swap_mb = field(SORT, wire="swap")
    rxtx_factor = field(SORT)
    is_public = field(SORT)
    disabled = field(SORT)
    description = field(SORT)
    created_at = field(SORT)
    updated_at = field(SORT)


KNOWN = {"limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir"}
routes = Routes("/v2.1/flavors", resource=Flavor)


def missing_target(operation: Operation, values: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what is authorised where a flavor is missing: flavors are nobody's, so their policies come first.

    compat: who may not do this to any flavor gets 403, whether or not it sees this one (nova, flavor_access.py)
    """
    return {} if operation.load is flavors.get and operation.target is None else None


def _index(req: Request, *, brief: bool) -> dict[str, Any]:
    queries.refuse_unknown(req, KNOWN)
    asked = page(req, Sorting, maximum=req.ctx.config.max_list, default_sort=(Sort("id"),))
    found = flavors.index(
        req.ctx,
        asked,
        is_public=_is_public(req),
        min_root_gb=_minimum(req, "minDisk"),
        min_memory_mb=_minimum(req, "minRam"),
    )
    body: dict[str, Any] = {"flavors": [_shown(req, flavor, brief=brief) for flavor in found]}
    if more := next_links(req, asked, [flavor.id for flavor in found]):
        body["flavors_links"] = more
    return body


def _is_public(req: Request) -> bool | None:
    """Read ?is_public=: by default true; "none" asks for both kinds."""
    text = req.arg("is_public")
    if text is None:
        return True
    if text.lower() == "none":
        return None
    if text.lower() in Bool.TRUE or text.lower() in Bool.FALSE:
        return text.lower() in Bool.TRUE
    raise BadRequest(f"Invalid is_public filter [{text[:40]}]")


def _minimum(req: Request, name: str) -> int | None:
    text = req.arg(name)
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,10}", text):
        raise BadRequest(f"Invalid {name} filter [{text[:40]}]")
    return int(text)


@routes.get(policy=rules.FLAVORS_READ)
def index(req: Request) -> dict[str, Any]:
    return _index(req, brief=True)


@routes.get("/detail", policy=rules.FLAVORS_READ)
def detail(req: Request) -> dict[str, Any]:
    return _index(req, brief=False)


@routes.get("/{flavor_id}", policy=rules.FLAVORS_READ, load=flavors.get)
def show(req: Request, flavor: Row) -> dict[str, Any]:
    return {"flavor": _shown(req, flavor)}


def _shown(req: Request, flavor: Row, *, brief: bool = False) -> dict[str, Any]:
    shown = req.show(Flavor, flavor, brief=brief)
    if "extra_specs" in shown and not req.ctx.can(rules.EXTRA_SPECS_INDEX):
        del shown["extra_specs"]
    return shown


@routes.post(policy=rules.FLAVORS_CREATE)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    if body["rxtx_factor"] <= 0:
        raise Invalid("rxtx_factor", body["rxtx_factor"], "it must be greater than 0")
    return {"flavor": _shown(req, flavors.create(req.ctx, **body))}


@routes.put("/{flavor_id}", policy=rules.FLAVORS_UPDATE, load=flavors.get, resource=Description, since="2.55")
def update(req: Request, flavor: Row, body: dict[str, Any]) -> dict[str, Any]:
    if "description" not in body:
        raise Invalid("flavor", body, "'description' is a required property")
    return {"flavor": _shown(req, flavors.describe(req.ctx, flavor, body["description"]))}


@routes.delete("/{flavor_id}", policy=rules.FLAVORS_DELETE, load=flavors.get, status=202)
def delete(req: Request, flavor: Row) -> None:
    flavors.delete(req.ctx, flavor)


# --- extra specs ------------------------------------------------------------------------------------


@routes.get("/{flavor_id}/os-extra_specs", policy=rules.EXTRA_SPECS_INDEX, load=flavors.get,
            target=lambda ctx, flavor, body: None)  # fmt: skip
def index_extra_specs(req: Request, flavor: Row) -> dict[str, Any]:
    return {"extra_specs": flavor.extra_specs}


@routes.get("/{flavor_id}/os-extra_specs/{key}", policy=rules.EXTRA_SPECS_SHOW, load=flavors.get,
            target=lambda ctx, flavor, body: None)  # fmt: skip
def show_extra_spec(req: Request, flavor: Row, key: str) -> dict[str, Any]:
    return {key: flavors.extra_spec(flavor, key)}


@routes.post(
    "/{flavor_id}/os-extra_specs",
    policy=rules.EXTRA_SPECS_CREATE,
    load=flavors.get,
    body=EXTRA_SPECS,
    envelope="extra_specs",
    tell_again=DO_AGAIN,
)
def create_extra_specs(req: Request, flavor: Row, body: dict[str, str]) -> dict[str, Any]:
    flavors.set_extra_specs(req.ctx, flavor, body)
    return {"extra_specs": body}


@routes.put(
    "/{flavor_id}/os-extra_specs/{key}", policy=rules.EXTRA_SPECS_UPDATE, load=flavors.get, body=EXTRA_SPECS
)
def update_extra_spec(req: Request, flavor: Row, key: str, body: dict[str, str]) -> dict[str, Any]:
    if list(body) != [key]:
        raise BadRequest("Request body and URI mismatch")
    flavors.set_extra_specs(req.ctx, flavor, body)
    return body


@routes.delete(
    "/{flavor_id}/os-extra_specs/{key}", policy=rules.EXTRA_SPECS_DELETE, load=flavors.get, status=200
)
def delete_extra_spec(req: Request, flavor: Row, key: str) -> Response:
    flavors.delete_extra_spec(req.ctx, flavor, key)
    return Response(200)  # compat: 200 without a body (Compute API, "Delete An Extra Spec For A Flavor")


# --- who may use a private flavor -------------------------------------------------------------------

PROJECT = Object({"tenant": Str(1, 255, pattern=r"[a-zA-Z0-9._-]+")}, required=("tenant",))


def _access(flavor: Row, projects: list[str]) -> dict[str, Any]:
    return {"flavor_access": [{"flavor_id": flavor.id, "tenant_id": project} for project in projects]}


@routes.get("/{flavor_id}/os-flavor-access", policy=rules.FLAVOR_ACCESS, load=flavors.get)
def index_access(req: Request, flavor: Row) -> dict[str, Any]:
    if flavor.is_public:
        # compat: a public flavor has no list of projects, and that is a 404 (nova, flavor_access.py)
        raise NotFound("Access list not available for public flavors.")
    return _access(flavor, flavors.projects(req.ctx, flavor))


@routes.action(
    "addTenantAccess", path="/{flavor_id}/action", policy=rules.FLAVOR_ACCESS_ADD, load=flavors.get,
    body=PROJECT,
)  # fmt: skip
def add_project(req: Request, flavor: Row, body: dict[str, str]) -> dict[str, Any]:
    projects.check(req.ctx, body["tenant"])
    strict = req.version is not None and req.version >= versions.PUBLIC_FLAVOR_ACCESS_REFUSED
    return _access(flavor, flavors.grant(req.ctx, flavor, body["tenant"], public_is_conflict=strict))


@routes.action(
    "removeTenantAccess", path="/{flavor_id}/action", policy=rules.FLAVOR_ACCESS_REMOVE, load=flavors.get,
    body=PROJECT,
)  # fmt: skip
def remove_project(req: Request, flavor: Row, body: dict[str, str]) -> dict[str, Any]:
    projects.check(req.ctx, body["tenant"])
    return _access(flavor, flavors.revoke(req.ctx, flavor, body["tenant"]))
