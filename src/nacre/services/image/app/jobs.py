"""The names and inputs of the image service's workflows; their steps stand in `tasks`."""

from __future__ import annotations

import msgspec

from nacre.kernel.tasks import Workflow


class ImageImport(msgspec.Struct, frozen=True):
    """Make an image of its staged bytes; `task_id` is the task by which people follow it."""

    image_id: str
    task_id: str


IMPORT: Workflow[ImageImport] = Workflow("image_import", ImageImport)


def of(image_id: str) -> tuple[str, str]:
    """Return what the jobs of an image are about, by which they run one at a time."""
    return "image", image_id
