"""Images: half a GiB up and down again, and a list of a hundred."""

import os
from collections.abc import Iterator, Sequence

from clouds import Cloud
from drive.session import Session
from work.phase import Phase, Scale, with_clients, work

MIB = 1 << 20
IMAGES = "/v2/images"


@work("image-transfer")
def image_transfer(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Upload 512 MiB, download it again."""
    session, size, made = cloud.session, scale.of(512), []
    chunk = os.urandom(MIB)

    def upload(number: int) -> None:
        session.give("image", f"{IMAGES}/{made[-1]}/file", chunk, size)

    def download(number: int) -> None:
        count = session.take("image", f"{IMAGES}/{made[-1]}/file")
        if count != size * MIB:
            raise ValueError(f"{count} bytes came back")

    def clear() -> None:
        while made:
            session.delete("image", f"{IMAGES}/{made.pop()}")

    yield [
        Phase(
            title="upload an image of 512 MiB",
            run=upload,
            operations=1,
            things=size,
            unit="MiB",
            before=lambda: made.append(create(session, "bench")),
        ),
        Phase(title="download it", run=download, operations=3, things=size, unit="MiB", after=clear),
    ]


@work("images-list")
def images_list(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """List 100 images."""
    session, path = cloud.session, f"{IMAGES}?limit=100"
    there = len(session.get("image", path)["images"])
    made = [create(session, f"bench-{number}") for number in range(there, scale.of(100))]
    yield with_clients("list 100 images", lambda number: session.get("image", path), 1, 8)
    for image_id in made:
        session.delete("image", f"{IMAGES}/{image_id}")


def bootable(session: Session) -> str:
    """Return an image to boot from, one MiB of it, which is uploaded where it is missing."""
    found = session.get("image", f"{IMAGES}?name=bench-boot&status=active")["images"]
    if found:
        return str(found[0]["id"])
    image_id = create(session, "bench-boot", visibility="public")
    session.give("image", f"{IMAGES}/{image_id}/file", os.urandom(MIB), 1)
    return image_id


def create(session: Session, name: str, **more: str) -> str:
    """Make an image without bytes."""
    body = {"name": name, "disk_format": "raw", "container_format": "bare", **more}
    return str(session.post("image", IMAGES, body)["id"])
