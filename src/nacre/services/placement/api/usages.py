"""/usages and /resource_providers/{uuid}/usages: how much is used, of a provider and by a project."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request, Response
from nacre.kernel.http.routing import HANDLER_AUTHORISES, Routes
from nacre.kernel.wire import Str
from nacre.services.placement import policy, versions
from nacre.services.placement.api.allocations import UNKNOWN_TYPE
from nacre.services.placement.api.answers import answer
from nacre.services.placement.app import allocations, providers
from nacre.services.placement.db.providers import Provider

routes = Routes("")

OWNER = Str(1, 255)
PARAMETERS = frozenset(("project_id", "user_id", "consumer_type"))


@routes.get("/resource_providers/{uuid}/usages", policy=policy.PROVIDER_USAGES, load=providers.get)
def of_provider(req: Request, provider: Provider) -> Response:
    used = providers.describe(req.ctx, provider.uuid)
    return answer(req, {"resource_provider_generation": provider.generation, "usages": used})


@routes.get("/usages", policy=HANDLER_AUTHORISES, since="1.9")
def of_project(req: Request) -> Response:
    assert req.version is not None
    typed = req.version >= versions.CONSUMER_TYPES
    known = PARAMETERS if typed else PARAMETERS - {"consumer_type"}
    project_id = req.arg("project_id", OWNER)
    req.authorise(policy.PROJECT_USAGES, {"project_id": project_id})
    if project_id is None or (strange := set(req.query) - known):
        what = (
            "'project_id' is a required property" if project_id is None else ", ".join(sorted(strange))[:200]
        )
        raise BadRequest(f"Invalid query string parameters: {what}")
    wanted_type = req.arg("consumer_type")
    rows = allocations.usage_of_project(
        req.ctx, project_id, req.arg("user_id", OWNER), None if wanted_type == "all" else wanted_type
    )
    if not typed or wanted_type == "all":
        total: dict[str, Any] = {}
        consumers = 0
        for _, name, amount, count in rows:
            total[name] = total.get(name, 0) + amount
            consumers = max(consumers, count)
        return answer(req, {"usages": {"all": {**total, "consumer_count": consumers}} if typed else total})
    by_type: dict[str, dict[str, int]] = {}
    for kind, name, amount, count in rows:
        entry = by_type.setdefault(kind or UNKNOWN_TYPE, {"consumer_count": 0})
        entry[name] = amount
        entry["consumer_count"] = max(entry["consumer_count"], count)
    return answer(req, {"usages": by_type})
