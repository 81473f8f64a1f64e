"""Import: staged bytes become an image's data, in the background, followed by a task.

The only method is `glance-direct`.  Those that fetch from an address are refused: they would let users make
the cloud's own machines ask for any URL that those can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from nacre.kernel import errors
from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.kernel.ids import new_id
from nacre.kernel.tasks import start
from nacre.services.image.app import jobs, uploads
from nacre.services.image.app.stores import STORE_IDS
from nacre.services.image.app.uploads import SYSTEM
from nacre.services.image.db import images, tasks
from nacre.services.image.db.images import Image
from nacre.services.image.db.tables import Status, TaskStatus
from nacre.services.image.db.tasks import Task
from nacre.services.image.errors import NotStaged, UnknownStore

DIRECT = "glance-direct"
METHODS = (DIRECT,)


def begin(ctx: Context, image: Image, request: dict[str, Any]) -> Task:
    """Start to import an image's staged bytes; returns the task."""
    method = request["method"]["name"]
    if method not in METHODS:
        raise errors.BadRequest(f"Import method '{method}' is not enabled: only {', '.join(METHODS)} is.")
    _check_stores(request.get("stores") or (), bool(request.get("all_stores")))

    def write(tx: Transaction) -> Task:
        present = images.get(tx, image.id, SYSTEM)
        if present.status is not Status.UPLOADING or present.staged is None:
            raise NotStaged(image.id)
        uploads.check_declared(present)
        moved = images.move(
            tx, image.id, present=Status.UPLOADING, new=Status.IMPORTING, upload=None, values={}
        )
        if not moved:
            raise NotStaged(image.id)
        now = tx.now()
        task = Task(
            id=new_id(),
            image_id=image.id,
            type="api_image_import",
            status=TaskStatus.PENDING,
            owner=ctx.project_id,
            user_id=ctx.user_id,
            request_id=ctx.request_id,
            input={"image_id": image.id, "import_req": request, "backend": list(STORE_IDS)},
            result=None,
            message="",
            created_at=now,
            updated_at=now,
            expires_at=None,
        )
        tasks.insert(tx, task)
        start(tx, jobs.IMPORT, jobs.ImageImport(image.id, task.id), resource=jobs.of(image.id), ctx=ctx)
        return task

    return ctx.db.run(write)


def _check_stores(named: Sequence[str], every: bool) -> None:
    if named and every:
        raise errors.BadRequest("stores and all_stores cannot be given together.")
    for store in named:
        if store not in STORE_IDS:
            raise UnknownStore(store)


def record_progress(ctx: Context, task_id: str, status: TaskStatus, message: str = "") -> None:
    """Note how far an import's task is; once it has ended it is forgotten after a while."""

    def write(tx: Transaction) -> None:
        now = tx.now()
        values: dict[str, Any] = {"status": status, "message": message, "updated_at": now}
        if status in (TaskStatus.SUCCESS, TaskStatus.FAILURE):
            values["expires_at"] = now + timedelta(days=ctx.config.task_days)
        tasks.update(tx, task_id, values)

    ctx.db.run(write)
