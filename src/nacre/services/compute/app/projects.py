"""Whether a project exists, for requests that name one; identity knows."""

from __future__ import annotations

import logging

from nacre.kernel.context import Context
from nacre.kernel.errors import BadReference, NacreError, NotFound
from nacre.services.identity import client as identity

log = logging.getLogger(__name__)


def check(ctx: Context, project_id: str) -> None:
    """Raise BadReference where identity says that there is no such project.

    compat: asked with the caller's own token; who may not know, or cannot be answered just now, is believed
    (nova, api/openstack/identity.py).
    """
    if project_id == ctx.project_id:
        return
    try:
        identity.get_project(ctx, project_id)
    except NotFound:
        raise BadReference(f"Project ID {project_id[:64]} is not a valid project.") from None
    except NacreError as error:
        log.info("identity does not tell whether there is a project %s: %s", project_id[:64], error)
