"""/v2/tasks: imports and their fate.  Tasks are made by imports; making one by hand is refused."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import BadRequest
from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import ANY, Enum, Object, Str
from nacre.services.image import policy
from nacre.services.image.api import queries
from nacre.services.image.app import tasks
from nacre.services.image.db.tables import TaskStatus
from nacre.services.image.db.tasks import SORT_KEYS, Task

TYPE = Enum("import", "api_image_import", "location_import")
STATUS = Enum(*(str(one) for one in TaskStatus))
BODY = Object({"type": Str(1, 30), "input": ANY}, required=("type", "input"))

routes = Routes("/v2/tasks")


def _moment(value: Any) -> str | None:
    return None if value is None else f"{value:%Y-%m-%dT%H:%M:%SZ}"


def show_task(task: Task, *, brief: bool = False) -> dict[str, Any]:
    """Render a task; a list leaves out what may be long."""
    shown = {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "created_at": _moment(task.created_at),
        "updated_at": _moment(task.updated_at),
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }
    if task.expires_at is not None:
        shown["expires_at"] = _moment(task.expires_at)
    if brief:
        return shown
    return {
        **shown,
        "image_id": task.image_id,
        "user_id": task.user_id,
        "request_id": task.request_id,
        "input": task.input,
        "result": task.result,
        "message": task.message,
    }


@routes.get(policy=policy.TASKS_ACCESS)
def index(req: Request) -> dict[str, Any]:
    part = queries.part(req, SORT_KEYS)
    checks = {"type": TYPE, "status": STATUS}
    wanted = {name: req.arg(name, check) for name, check in checks.items() if name in req.query}
    found = tasks.page(req.ctx, wanted, part)
    return {
        "tasks": [show_task(task, brief=True) for task in found],
        **queries.links(req, part, [task.id for task in found]),
        "schema": "/v2/schemas/tasks",
    }


@routes.post(policy=policy.TASKS_ACCESS, body=BODY, status=201)
def create(req: Request, body: dict[str, Any]) -> dict[str, Any]:
    raise BadRequest(
        f"Tasks of type {body['type']!r} cannot be made: they would fetch from an address of the user's choice. "
        "Stage the data and import it."
    )


@routes.get("/{task_id}", policy=policy.TASKS_ACCESS, load=tasks.get)
def show(req: Request, task: Task) -> dict[str, Any]:
    return show_task(task)
