"""Actions of the Compute API that this cloud does not offer: 501, but only to who may ask that of the server.

They are routes like others so that a client learns first what it got wrong itself: a server that is not there,
or a right that is missing.
"""

from __future__ import annotations

from nacre.kernel.errors import NotImplementedHere
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import Any as Anything
from nacre.services.compute import policy as rules
from nacre.services.compute.app import servers
from nacre.services.compute.db.servers import Server

MESSAGE = "The requested functionality is not supported."

ACTIONS = {
    "shelve": rules.SHELVE,
    "unshelve": rules.UNSHELVE,
    "shelveOffload": rules.SHELVE_OFFLOAD,
    "trigger_crash_dump": rules.CRASH_DUMP,
}
UNTIL_2_43 = {"addFixedIp": rules.ADD_FIXED_IP, "removeFixedIp": rules.REMOVE_FIXED_IP}

routes = Routes("/v2.1/servers")


def refuse(req: Request, server: Server) -> None:
    raise NotImplementedHere(MESSAGE)


for _name, _rule in (ACTIONS | UNTIL_2_43).items():
    routes.action(
        _name, path="/{server_id}/action", policy=_rule, load=servers.get, body=Anything(),
        until="2.43" if _name in UNTIL_2_43 else None,
    )(refuse)  # fmt: skip
