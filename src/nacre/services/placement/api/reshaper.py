"""/reshaper: move inventories between providers together with what is allocated of them."""

from __future__ import annotations

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import UUID, FreeMap, Object
from nacre.services.placement import policy
from nacre.services.placement.api.allocations import claim_check, read_claim
from nacre.services.placement.api.checks import GENERATION, INVENTORIES
from nacre.services.placement.api.inventories import GENERATION_KEY, read_inventory
from nacre.services.placement.app import allocations as app

routes = Routes("/reshaper")

_INVENTORIES = FreeMap(
    Object(
        {GENERATION_KEY: GENERATION, "inventories": INVENTORIES}, required=(GENERATION_KEY, "inventories")
    ),
    key=UUID,
    minimum=1,
)


@routes.post(policy=policy.RESHAPE, since="1.30")
def reshape(req: Request) -> None:
    assert req.version is not None
    consumers = FreeMap(claim_check(req.version, many=True), key=UUID)
    body = req.checked(
        Object(
            {"inventories": _INVENTORIES, "allocations": consumers}, required=("inventories", "allocations")
        )
    )
    inventories = {
        uuid: (
            entry[GENERATION_KEY],
            {name: read_inventory(req, name, members) for name, members in entry["inventories"].items()},
        )
        for uuid, entry in body["inventories"].items()
    }
    claims = [read_claim(uuid, claim, req.version) for uuid, claim in body["allocations"].items()]
    app.reshape(req.ctx, inventories, claims)
