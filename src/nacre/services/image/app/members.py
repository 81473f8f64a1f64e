"""Sharing: an image's owner names projects, and each project accepts or rejects for itself."""

from __future__ import annotations

import msgspec

from nacre.kernel.context import Context
from nacre.kernel.db import Transaction
from nacre.services.image.app.images import viewer
from nacre.services.image.db import images, members
from nacre.services.image.db.images import Image
from nacre.services.image.db.members import Member
from nacre.services.image.db.tables import MemberStatus, Visibility
from nacre.services.image.errors import LimitExceeded, MemberNotFound, NotShared


def get(ctx: Context, image_id: str, member_id: str) -> Member:
    """Return a member whom the caller may know of: itself, or any of an image of one's own."""

    def read(tx: Transaction) -> Member:
        image = images.get(tx, image_id, viewer(ctx))
        if image.member_id and image.member_id != member_id:
            raise MemberNotFound(member_id, image_id)
        _check_shared(image)
        return msgspec.structs.replace(members.get(tx, image_id, member_id), project_id=image.project_id)

    return ctx.db.read(read)


def of_image(ctx: Context, image: Image) -> list[Member]:
    """Return an image's members; a member sees only itself."""
    _check_shared(image)
    found = ctx.db.read(members.of_image, image.id)
    return [member for member in found if image.member_id in ("", member.member_id)]


def create(ctx: Context, image: Image, member_id: str) -> Member:
    """Share an image with a project."""

    def write(tx: Transaction) -> Member:
        images.hold(tx, image.id)
        _check_shared(images.get(tx, image.id, viewer(ctx)))
        maximum = ctx.config.maximum_members
        present = members.count(tx, image.id)
        member = members.insert(tx, image.id, member_id)
        if present >= maximum:
            raise LimitExceeded("members", present + 1, maximum)
        return member

    return ctx.db.run(write)


def update(ctx: Context, member: Member, status: str) -> Member:
    """Say for a project what it thinks of an image that is shared with it."""
    values = {"status": MemberStatus(status)}
    return ctx.db.run(members.update, member.image_id, member.member_id, values)


def delete(ctx: Context, member: Member) -> None:
    """Share an image with a project no longer."""
    ctx.db.run(members.delete, member.image_id, member.member_id)


def _check_shared(image: Image) -> None:
    if image.visibility is not Visibility.SHARED:
        raise NotShared()
