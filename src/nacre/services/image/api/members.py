"""/v2/images/{image_id}/members: the projects that an image is shared with."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.request import Request
from nacre.kernel.http.routing import Routes
from nacre.kernel.wire import ANY, Enum, Object, Str
from nacre.services.image import policy
from nacre.services.image.app import images, members
from nacre.services.image.db.images import Image
from nacre.services.image.db.members import Member
from nacre.services.image.db.tables import MemberStatus

CREATE = Object({"member": Str(1, 191)}, required=("member",), unknown=ANY)
UPDATE = Object({"status": Enum(*(str(one) for one in MemberStatus))}, required=("status",), unknown=ANY)

routes = Routes("/v2/images/{image_id}/members")


def show_member(member: Member) -> dict[str, Any]:
    """Render a member."""
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status,
        "created_at": f"{member.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "updated_at": f"{member.updated_at:%Y-%m-%dT%H:%M:%SZ}",
        "schema": "/v2/schemas/member",
    }


@routes.get(policy=policy.GET_MEMBERS, load=images.get)
def index(req: Request, image: Image) -> dict[str, Any]:
    found = members.of_image(req.ctx, image)
    return {"members": [show_member(member) for member in found], "schema": "/v2/schemas/members"}


@routes.post(policy=policy.ADD_MEMBER, load=images.get, body=CREATE, creates="image_members.member_id")
def create(req: Request, image: Image, body: dict[str, Any]) -> dict[str, Any]:
    return show_member(members.create(req.ctx, image, body["member"]))


@routes.get("/{member_id}", policy=policy.GET_MEMBER, load=members.get)
def show(req: Request, member: Member) -> dict[str, Any]:
    return show_member(member)


@routes.put("/{member_id}", policy=policy.MODIFY_MEMBER, load=members.get, body=UPDATE)
def update(req: Request, member: Member, body: dict[str, Any]) -> dict[str, Any]:
    return show_member(members.update(req.ctx, member, body["status"]))


@routes.delete("/{member_id}", policy=policy.DELETE_MEMBER, load=members.get)
def delete(req: Request, member: Member) -> None:
    members.delete(req.ctx, member)
