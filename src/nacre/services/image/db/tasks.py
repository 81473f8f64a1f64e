"""Queries on tasks: what people may know of work in the background."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from nacre.kernel.db import Page, Transaction, conditions
from nacre.kernel.db import page as kernel_page
from nacre.services.image.db.images import Viewer
from nacre.services.image.db.tables import TaskStatus, image_tasks
from nacre.services.image.errors import TaskNotFound

SORT_KEYS = ("id", "type", "status", "created_at", "updated_at", "expires_at")


class Task(msgspec.Struct, frozen=True):
    """One task."""

    id: str
    image_id: str | None
    type: str
    status: TaskStatus
    owner: str | None
    user_id: str | None
    request_id: str | None
    input: dict[str, Any]
    result: dict[str, Any] | None
    message: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None

    @property
    def project_id(self) -> str:
        """The owner, under the name that policies use."""
        return self.owner or ""


def get(tx: Transaction, task_id: str, viewer: Viewer) -> Task:
    """Return a task that the viewer may see; raises TaskNotFound."""
    query = select(image_tasks).where(image_tasks.c.id == task_id)
    if not viewer.sees_all:
        query = query.where(image_tasks.c.owner == (viewer.project_id or ""))
    return tx.one(query, Task, otherwise=TaskNotFound(task_id))


def page(tx: Transaction, viewer: Viewer, wanted: Mapping[str, object], part: Page) -> list[Task]:
    """Return one page of the tasks that the viewer may see."""
    query = select(image_tasks).where(*conditions(image_tasks.c, wanted))
    if not viewer.sees_all:
        query = query.where(image_tasks.c.owner == (viewer.project_id or ""))
    keys = {name: image_tasks.c[name] for name in SORT_KEYS}
    return kernel_page(tx, query, Task, image_tasks, part, keys=keys)


def of_image(tx: Transaction, image_id: str) -> list[Task]:
    """Return an image's tasks, the latest first."""
    query = select(image_tasks).where(image_tasks.c.image_id == image_id)
    return tx.all(query.order_by(image_tasks.c.created_at.desc(), image_tasks.c.id), Task)


def insert(tx: Transaction, task: Task) -> None:
    """Add a task."""
    tx.insert(image_tasks, task)


def update(tx: Transaction, task_id: str, values: Mapping[str, Any]) -> None:
    """Change a task; one that is forgotten already is no error."""
    tx.update(image_tasks, task_id, values)


def purge(tx: Transaction, expired_before: datetime) -> int:
    """Forget tasks that expired before a moment."""
    return tx.delete(image_tasks, image_tasks.c.expires_at < expired_before)
