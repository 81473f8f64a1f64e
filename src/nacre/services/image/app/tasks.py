"""Tasks: what people may know of imports that go on in the background."""

from __future__ import annotations

from collections.abc import Mapping

from nacre.kernel.context import Context
from nacre.kernel.db import Page
from nacre.services.image.app.images import viewer
from nacre.services.image.db import tasks
from nacre.services.image.db.images import Image
from nacre.services.image.db.tasks import Task


def get(ctx: Context, task_id: str) -> Task:
    """Return a task that the caller may see."""
    return ctx.db.read(tasks.get, task_id, viewer(ctx))


def page(ctx: Context, wanted: Mapping[str, object], part: Page) -> list[Task]:
    """Return one page of the tasks that the caller may see."""
    return ctx.db.read(tasks.page, viewer(ctx), wanted, part)


def of_image(ctx: Context, image: Image) -> list[Task]:
    """Return an image's tasks."""
    return ctx.db.read(tasks.of_image, image.id)
